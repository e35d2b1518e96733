#include "agent/cli/outfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cli/memory.h"
#include "base/file.h"

enum { TRIES_MAX = 1000, OWNER_ONLY = 0600 };

enum err_code outfile_write(const char *path, struct slice content, struct error *err)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        return FAIL(err, INVALID, "write '%s': it is not an ordinary file", path);
    }
    return file_replace(path, content, OWNER_ONLY, err);
}

char *outfile_beside(const char *path, const char *word)
{
    const char *name = strcmp(path, "-") == 0 ? "import.csv" : path;
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash == NULL ? name : slash, '.');
    int stem = dot == NULL || dot == name || dot[-1] == '/' ? (int)strlen(name) : (int)(dot - name);
    char *made = NULL;
    for (int attempt = 1; attempt <= TRIES_MAX; attempt++) {
        free(made);
        int len = attempt == 1 ? asprintf(&made, "%.*s.%s.csv", stem, name, word)
                               : asprintf(&made, "%.*s.%s-%d.csv", stem, name, word, attempt);
        must_have(len < 0 ? NULL : made);
        if (!file_exists(made)) {
            break;
        }
    }
    return made;
}
