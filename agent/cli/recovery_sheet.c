#include "agent/cli/recovery_sheet.h"

#include <string.h>

#include <qrencode.h>

#include "crypto/recovery.h"

enum { COLUMNS = 3, ROWS = (RECOVERY_WORDS + COLUMNS - 1) / COLUMNS, QUIET = 4 };

void recovery_sheet_words(const struct screen *screen, struct slice words)
{
    struct slice each[RECOVERY_WORDS];
    size_t count = 0;
    for (size_t at = 0; at < words.len && count < RECOVERY_WORDS; count++) {
        const uint8_t *end = memchr(words.data + at, ' ', words.len - at);
        size_t len = end == NULL ? words.len - at : (size_t)(end - words.data) - at;
        each[count] = slice_of(words.data + at, len);
        at += len + 1;
    }
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = row; i < count; i += ROWS) {
            int width = i + ROWS < count ? RECOVERY_WORD_MAX + 1 : 0;
            screen_print(screen, "  %2zu %-*.*s", i + 1, width, (int)each[i].len, (const char *)each[i].data);
        }
        screen_print(screen, "\n");
    }
}

static bool dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1) != 0;
}

enum err_code recovery_sheet_qr(const struct screen *screen, struct slice words, struct error *err)
{
    static const char *const BLOCKS[] = { "\xe2\x96\x88", "\xe2\x96\x80", "\xe2\x96\x84", " " };
    CHECK(words.data[words.len] == '\0');
    QRcode *code = QRcode_encodeString((const char *)words.data, 0, QR_ECLEVEL_M, QR_MODE_8, 0);
    if (code == NULL) {
        return FAIL(err, NO_MEMORY, "make a QR code");
    }
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        screen_print(screen, "%s", screen->colour ? "\x1b[97;40m" : "");
        for (int x = -QUIET; x < code->width + QUIET; x++) {
            /* the upper half is the higher bit; a set one stays dark */
            screen_print(screen, "%s", BLOCKS[(dark(code, x, y) ? 2 : 0) + (dark(code, x, y + 1) ? 1 : 0)]);
        }
        screen_print(screen, "%s\n", screen->colour ? "\x1b[0m" : "");
    }
    secret_wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return ERR_OK;
}
