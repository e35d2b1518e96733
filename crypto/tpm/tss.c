#ifdef HOLDFAST_TPM

#include "crypto/tpm/tss.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"

enum library { ESYS, TCTILDR, RC, LIBRARIES };

/* The ABI that the headers of the build describe. */
static const char *const names[LIBRARIES] = { "libtss2-esys.so.0", "libtss2-tctildr.so.0", "libtss2-rc.so.0" };

#define OF_ESYS(name) { ESYS, #name, offsetof(struct tss, name) },
#define OF_TCTILDR(name) { TCTILDR, #name, offsetof(struct tss, name) },
#define OF_RC(name) { RC, #name, offsetof(struct tss, name) },
static const struct function {
    enum library library;
    const char *name;
    size_t at;
} functions[] = { TSS_FUNCTIONS(OF_ESYS, OF_TCTILDR, OF_RC) };

static struct tss loaded;
static bool is_loaded;

static enum err_code open_all(void *libraries[LIBRARIES], struct error *err)
{
    for (size_t i = 0; i < LIBRARIES; i++) {
        libraries[i] = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (libraries[i] == NULL) {
            const char *why = dlerror(); /* names what is missing, also of what it needs itself */
            return FAIL(err, CONFIG, "use a TPM: '%s' of tpm2-tss cannot be loaded: %s", names[i],
                        why != NULL ? why : "no reason is given");
        }
    }
    return ERR_OK;
}

static enum err_code find_all(void *const libraries[LIBRARIES], struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        const struct function *function = &functions[i];
        void *found = dlsym(libraries[function->library], function->name);
        if (found == NULL) {
            return FAIL(err, CONFIG, "use a TPM: '%s' has no %s", names[function->library], function->name);
        }
        memcpy((uint8_t *)&loaded + function->at, &found, sizeof(found));
    }
    return ERR_OK;
}

enum err_code tss_load(const struct tss **ret_tss, struct error *err)
{
    void *libraries[LIBRARIES] = { NULL };
    enum err_code rc = ERR_OK;
    if (!is_loaded) {
        rc = open_all(libraries, err);
        rc = rc == ERR_OK ? find_all(libraries, err) : rc;
        is_loaded = rc == ERR_OK;
    }
    for (size_t i = 0; i < LIBRARIES && rc != ERR_OK; i++) {
        if (libraries[i] != NULL) {
            (void)dlclose(libraries[i]);
        }
    }
    if (rc == ERR_OK) {
        *ret_tss = &loaded;
    }
    return rc;
}

#endif
