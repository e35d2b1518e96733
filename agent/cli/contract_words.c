#include "agent/cli/contract_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/fields.h"

enum { LINE_SIZE = 500 };

struct words {
    contract_line put;
    void *context;
};

PRINTF_LIKE(3, 4) static void say(const struct words *words, const char *label, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    words->put(words->context, label, line);
}

struct human contract_form(const json_t *contract)
{
    struct human form;
    (void)snprintf(form.text, sizeof(form.text), "%s", answer_text(contract, "form"));
    for (char *at = form.text; (at = strchr(at, '_')) != NULL;) {
        *at = ' ';
    }
    return form;
}

static void terms(const struct words *words, const json_t *contract)
{
    struct human price = fields_pounds(contract, "price_pence");
    struct human person = fields_pounds(contract, "person_pence");
    struct human unit = fields_pounds(contract, "unit_pence");
    struct human form = contract_form(contract);
    const char *prime = answer_text(contract, "prime");
    const char *route = answer_text(contract, "route");
    const char *ends = answer_text(contract, "ends_on");
    say(words, "Form", "%s%s%s%s%s", form.text, route[0] == '\0' ? "" : ", route ", route,
        prime[0] == '\0' ? "" : ", with ", prime);
    say(words, "Runs", "from %s%s%s", answer_text(contract, "starts_on"), ends[0] == '\0' ? "" : " to ", ends);
    if (price.text[0] != '\0') {
        int64_t share = answer_int(contract, "share_permille");
        if (answer_has(contract, "share_permille")) {
            say(words, "Price", "%s, of which %" PRId64 ".%" PRId64 "%% is passed on", price.text, share / 10,
                share % 10);
        } else {
            say(words, "Price", "%s", price.text);
        }
    }
    if (person.text[0] != '\0') {
        say(words, "A person", "%s in full", person.text);
    }
    if (unit.text[0] != '\0') {
        say(words, "A unit", "%s", unit.text);
    }
}

static void triggers(const struct words *words, const json_t *contract)
{
    size_t index;
    const json_t *trigger;
    json_array_foreach(answer_member(contract, "triggers"), index, trigger)
    {
        struct human amount = fields_pounds(trigger, "amount_pence");
        say(words, index == 0 ? "Paid" : "", "%s%s%s: reached by %" PRId64 " of %" PRId64 " who could have by now",
            answer_text(trigger, answer_has(trigger, "title") ? "title" : "trigger"), amount.text[0] == '\0' ? "" : " ",
            amount.text, answer_int(trigger, "reached"), answer_int(trigger, "old_enough"));
    }
}

static void viability(const struct words *words, const json_t *contract)
{
    const json_t *v = answer_member(contract, "viability");
    if (v == NULL) {
        return;
    }
    struct human full = fields_pounds(v, "full_pence");
    struct human expected = fields_pounds(v, "expected_pence");
    struct human low = fields_pounds(v, "low_pence");
    struct human high = fields_pounds(v, "high_pence");
    struct human cost = fields_pounds(v, "cost_pence");
    say(words, "A placement", "costs %s and brings %s when everything is reached", cost.text, full.text);
    if (expected.text[0] == '\0') {
        say(words, "", "nobody has been here long enough to tell what it brings as people complete");
    } else {
        say(words, "", "%s as people completed so far, of %" PRId64 " old enough for the last trigger%s", expected.text,
            answer_int(v, "people"), answer_true(v, "enough") ? "" : ": too few to tell");
        say(words, "", "between %s and %s, as far as so many can tell", low.text, high.text);
    }
    if (!answer_has(contract, "fixed_cost_pence")) {
        return;
    }
    struct human fixed = fields_pounds(contract, "fixed_cost_pence");
    if (answer_has(v, "break_even_people")) {
        say(words, "Breaks even",
            "with %" PRId64 " people a year, which bear the %s that it costs however many come; "
            "%" PRId64 " began in the last year",
            answer_int(v, "break_even_people"), fixed.text, answer_int(contract, "last_year"));
    } else if (expected.text[0] == '\0') {
        say(words, "Breaks even",
            "not known before somebody has been here long enough; %s a year cost it however many come", fixed.text);
    } else {
        say(words, "Breaks even", "with no number of people as things are; %s a year are not borne", fixed.text);
    }
}

static void money(const struct words *words, const json_t *contract)
{
    struct human claimed = fields_pounds(contract, "claimed_pence");
    struct human paid = fields_pounds(contract, "paid_pence");
    struct human refused = fields_pounds(contract, "refused_pence");
    say(words, "People", "%" PRId64 " began lately, %" PRId64 " are here", answer_int(contract, "people"),
        answer_int(contract, "running"));
    say(words, "Claims", "%" PRId64 ", %s claimed, %s paid, %s refused", answer_int(contract, "claims"), claimed.text,
        paid.text, refused.text);
}

static void units(const struct words *words, const json_t *contract)
{
    const char *unit = answer_text(contract, "unit");
    if (answer_has(contract, "left_units")) {
        say(words, "Units", "%" PRId64 " bought%s%s%s, %" PRId64 " used, %" PRId64 " left",
            answer_int(contract, "units"), unit[0] == '\0' ? "" : " (", unit, unit[0] == '\0' ? "" : ")",
            answer_int(contract, "used_units"), answer_int(contract, "left_units"));
    } else {
        say(words, "Units", "%" PRId64 " used", answer_int(contract, "used_units"));
    }
}

void contract_words(const json_t *contract, contract_line put, void *context)
{
    const struct words words = { .put = put, .context = context };
    bool by_results = strcmp(answer_text(contract, "form"), "payment_by_results") == 0;
    terms(&words, contract);
    if (by_results) {
        triggers(&words, contract);
        viability(&words, contract);
        money(&words, contract);
    } else {
        units(&words, contract);
        struct human cost = fields_pounds(contract, "cost_pence");
        if (cost.text[0] != '\0') {
            say(&words, "Costs us", "%s a unit", cost.text);
        }
        money(&words, contract);
    }
}

static void put_fact(void *context, const char *label, const char *line)
{
    screen_fact(context, label, "%s", line);
}

void contract_print(const struct screen *screen, const json_t *contract)
{
    struct screen copy = *screen;
    screen_print(screen, "%s\n", answer_text(contract, "ref"));
    contract_words(contract, put_fact, &copy);
}
