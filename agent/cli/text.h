/*
 * agent/cli/text - the words of strangers on a person's terminal: how wide they are, and nothing hidden in them.
 *
 * Names and notes come from spreadsheets and from other machines. An escape sequence among them could rewrite what the
 * terminal shows, and a bidirectional override could turn a line around, so both are made visible: \x1b, \u202e.
 *
 * Layer: agent. libc only.
 */
#ifndef AGENT_CLI_TEXT_H
#define AGENT_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Once at the start: the width of characters is known for UTF-8 whatever locale the person has. */
void text_init(void);

/* Columns on a terminal. Wide characters count two, combining ones none, bytes that are not UTF-8 one each. */
size_t text_width(const char *text);

/* Bytes of the longest beginning that is at most `columns` wide; combining characters stay with theirs. */
size_t text_prefix(const char *text, size_t columns);

/* Bytes of the most whole words that fit into `columns`, without the blanks after them; 0 when the first one is wider.
 */
size_t text_words(const char *text, size_t columns);

/*
 * A copy (free it) in which every control character, direction override, invisible separator and byte that is not UTF-8
 * is written out as an escape of printable ASCII. With `keep_lines` line ends and tabs stay.
 */
char *text_visible(const char *text, bool keep_lines);

#endif
