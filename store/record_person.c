/* A National Insurance number names a person to every office: it has no place in a charity's reference or in a name. */
#include "base/ni_number.h"
#include "store/record.h"

static bool has_one(const struct record *record, const char *name)
{
    int index = kind_field_index(record->kind, name);
    return index >= 0 && record->values[index].present && ni_number_within(record->values[index].text);
}

enum err_code record_check_ref(const struct record *record, struct error *err)
{
    uint32_t kind = record->kind->number;
    bool about_person = kind == KIND_PARTICIPANT || kind == KIND_REFERRAL || kind == KIND_PLACEMENT;
    return about_person && has_one(record, "ref")
               ? FAIL(err, INVALID,
                      "field 'ref': this looks like a National Insurance number; expected a reference of your own, "
                      "such as GDN-014")
               : ERR_OK;
}

enum err_code record_check_name(const struct record *record, struct error *err)
{
    return record->kind->number == KIND_PARTICIPANT && has_one(record, "name")
               ? FAIL(err, INVALID,
                      "field 'name': there is what looks like a National Insurance number in it; expected the name "
                      "alone")
               : ERR_OK;
}
