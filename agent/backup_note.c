#include "agent/backup_note.h"

#include "agent/api_call.h"
#include "base/file.h"

#define NOTE_MAX ((size_t)16 * 1024)

json_t *backup_task_value(const struct backup_task *task)
{
    if (task->writer == NULL) {
        return json_null();
    }
    struct backup_about about;
    (void)backup_write_about(task->writer, &about);
    return json_pack("{s:I,s:I}", "pages_done", (json_int_t)about.pages_done, "pages", (json_int_t)about.pages);
}

/* The note
 * ----------------------------------------------------------------------------------------------------------------- */

enum err_code backup_note_write(const char *path, const struct backup_about *about, const char *name, struct error *err)
{
    json_t *note = json_pack("{s:o,s:I,s:I,s:o,s:o}", "at", value_instant(about->made_at_ms), "bytes",
                             (json_int_t)about->bytes, "pages", (json_int_t)about->pages, "fingerprint",
                             value_id(about->fingerprint, sizeof(about->fingerprint)), "name", value_text(name));
    SCOPED(scoped_free) char *text = note == NULL ? NULL : json_dumps(note, JSON_INDENT(2));
    json_decref(note);
    return text == NULL ? FAIL(err, NO_MEMORY, "keep a note of the backup")
                        : file_replace(path, slice_of_text(text), 0600, err);
}

/* Of the right type, or null: the file is in our folder, and still only a file. */
static json_t *note_member(const json_t *note, const char *name, json_type type)
{
    json_t *value = json_object_get(note, name);
    return value != NULL && json_typeof(value) == type ? json_incref(value) : json_null();
}

json_t *backup_note_value(const char *path)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, NOTE_MAX);
    if (!file_exists(path) || file_read(path, &text, NULL) != ERR_OK) {
        return json_null();
    }
    json_t *note = NULL;
    if (body_parse(buf_slice(&text), &note, NULL) != ERR_OK) {
        return json_null();
    }
    json_t *value = json_pack(
        "{s:o,s:o,s:o,s:o,s:o}", "at", note_member(note, "at", JSON_STRING), "bytes",
        note_member(note, "bytes", JSON_INTEGER), "pages", note_member(note, "pages", JSON_INTEGER), "fingerprint",
        note_member(note, "fingerprint", JSON_STRING), "name", note_member(note, "name", JSON_STRING));
    json_decref(note);
    return value;
}
