#include "agent/import/table.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/import/export_csv.h"

/* What the limits of rows, columns and bytes let grow at most; a code unit of the file becomes at most 3 bytes. */
#define TEXT_BYTES_MAX (3 * TABLE_FILE_BYTES_MAX)
#define CELLS_MAX ((size_t)(TABLE_ROWS_MAX + 2) * TABLE_COLUMNS_MAX) /* with the header and one row too many */
#define POOL_BYTES_MAX (TEXT_BYTES_MAX + CELLS_MAX)

/* libcsv is fed at most this much at once and grows its cell by this much, so a quote that is never closed is seen
 * soon. */
#define PIECE_BYTES 4096
#define OPEN_CELL_BYTES_MAX (4 * PIECE_BYTES) /* a cell's line breaks and blanks at the edges may still shrink */

struct table_row {
    uint32_t first_cell;
    uint32_t cells;
    uint32_t line;
};

struct table {
    enum text_encoding encoding;
    char delimiter;
    struct buf pool;  /* cells, each with its NUL */
    struct buf cells; /* uint32_t offsets in the pool */
    struct buf rows;  /* struct table_row; the header is the first */
};

/* The state while libcsv calls back. */
struct reader {
    struct table *table;
    struct csv_parser csv;
    struct table_row row; /* the one being read */
    uint32_t line;
    bool in_row;
    bool row_ended; /* in the line being fed */
    enum err_code rc;
    struct error *err;
};

static const struct table_row *row_at(const struct table *table, size_t index)
{
    CHECK(index < table->rows.len / sizeof(struct table_row));
    return (const struct table_row *)(const void *)table->rows.data + index;
}

static const char *cell_at(const struct table *table, const struct table_row *row, size_t column)
{
    if (column >= row->cells) {
        return "";
    }
    const uint32_t *offsets = (const uint32_t *)(const void *)table->cells.data;
    return (const char *)table->pool.data + offsets[row->first_cell + column];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks are also the no-break space and a stray byte order mark, which files stuck together have. */
static const struct slice blanks[] = {
    { (const uint8_t *)" ", 1 },  { (const uint8_t *)"\t", 1 },       { (const uint8_t *)"\r", 1 },
    { (const uint8_t *)"\n", 1 }, { (const uint8_t *)"\xc2\xa0", 2 }, { (const uint8_t *)"\xef\xbb\xbf", 3 },
};

/* Bytes of the blank that `text` begins or ends with, or 0. */
static size_t blank_len(struct slice text, bool at_end)
{
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
        size_t len = blanks[i].len;
        if (len <= text.len && memcmp(text.data + (at_end ? text.len - len : 0), blanks[i].data, len) == 0) {
            return len;
        }
    }
    return 0;
}

static struct slice trimmed(struct slice cell)
{
    for (size_t len; (len = blank_len(cell, false)) > 0; cell.len -= len) {
        cell.data += len;
    }
    for (size_t len; (len = blank_len(cell, true)) > 0;) {
        cell.len -= len;
    }
    return cell;
}

/* Appends `cell` and its NUL with every line break as LF. */
static enum err_code pool_append(struct buf *pool, struct slice cell, struct error *err)
{
    TRY(buf_reserve(pool, cell.len + 1, err));
    for (size_t i = 0; i < cell.len; i++) {
        bool crlf = cell.data[i] == '\r' && i + 1 < cell.len && cell.data[i + 1] == '\n';
        if (!crlf) {
            pool->data[pool->len++] = cell.data[i] == '\r' ? '\n' : cell.data[i];
        }
    }
    pool->data[pool->len++] = '\0';
    return ERR_OK;
}

static enum err_code cell_append(struct reader *reader, struct slice cell)
{
    struct table *table = reader->table;
    uint32_t start = (uint32_t)table->pool.len;
    TRY(pool_append(&table->pool, trimmed(cell), reader->err));
    const char *text = (const char *)table->pool.data + start;
    start += (uint32_t)(export_csv_unguard(text) - text);
    if (table->pool.len - 1 - start > TABLE_CELL_BYTES_MAX) {
        return FAIL(reader->err, LIMIT, "read the row that begins in line %u: cell %u has more than %d bytes",
                    reader->row.line, reader->row.cells + 1, TABLE_CELL_BYTES_MAX);
    }
    if (reader->row.cells == TABLE_COLUMNS_MAX) {
        return FAIL(reader->err, LIMIT, "read the row that begins in line %u: it has more than %d cells",
                    reader->row.line, TABLE_COLUMNS_MAX);
    }
    TRY(buf_append(&table->cells, &start, sizeof(start), reader->err));
    reader->row.cells++;
    return ERR_OK;
}

/* Takes the row back if all its cells are blank. */
static enum err_code row_append(struct reader *reader)
{
    struct table *table = reader->table;
    struct table_row row = reader->row;
    while (row.cells > 0 && *cell_at(table, &row, row.cells - 1) == '\0') {
        row.cells--;
    }
    bool header = table->rows.len == 0;
    if (row.cells == 0) {
        table->pool.len = (size_t)(cell_at(table, &reader->row, 0) - (const char *)table->pool.data);
        table->cells.len = row.first_cell * sizeof(uint32_t);
        return ERR_OK;
    }
    /* blank cells at the end count as far as the header has names */
    size_t columns = header ? row.cells : row_at(table, 0)->cells;
    while (row.cells < columns && row.cells < reader->row.cells) {
        row.cells++;
    }
    if (table->rows.len / sizeof(row) > TABLE_ROWS_MAX) {
        return FAIL(reader->err, LIMIT, "read line %u: the file has more than %d rows", row.line, TABLE_ROWS_MAX);
    }
    return buf_append(&table->rows, &row, sizeof(row), reader->err);
}

static void cell_seen(void *cell, size_t len, void *context)
{
    struct reader *reader = context;
    if (reader->rc == ERR_OK) {
        reader->rc = cell_append(reader, slice_of(cell, len));
    }
}

static void row_seen(int terminator UNUSED, void *context)
{
    struct reader *reader = context;
    if (reader->rc == ERR_OK) {
        reader->rc = row_append(reader);
    }
    reader->row = (struct table_row){ .first_cell = (uint32_t)(reader->table->cells.len / sizeof(uint32_t)) };
    reader->row_ended = true;
}

static enum err_code refuse_quotes(const struct reader *reader, struct slice line, size_t at)
{
    size_t column = 1;
    for (size_t i = 0; i < at && i < line.len; i++) {
        column += (line.data[i] & 0xc0) != 0x80;
    }
    return FAIL(
        reader->err, INVALID,
        "read the file: line %u, column %zu: a quote inside a cell that has none around it, or text after a closing "
        "quote; put quotes around the whole cell and double those inside",
        reader->line, column);
}

/* Feeds one line with its line break. */
static enum err_code line_feed(struct reader *reader, struct slice line)
{
    for (size_t at = 0; at < line.len;) {
        size_t piece = line.len - at < PIECE_BYTES ? line.len - at : PIECE_BYTES;
        size_t done = csv_parse(&reader->csv, line.data + at, piece, cell_seen, row_seen, reader);
        TRY(reader->rc);
        at += done;
        if (done < piece && csv_error(&reader->csv) == CSV_EPARSE) {
            return refuse_quotes(reader, line, at);
        }
        if (done < piece) {
            return FAIL(reader->err, NO_MEMORY, "read line %u: not enough memory", reader->line);
        }
        if (csv_get_buffer_size(&reader->csv) > OPEN_CELL_BYTES_MAX) {
            return FAIL(
                reader->err, LIMIT,
                "read the row that begins in line %u: a cell has more than %d bytes; is a closing quote missing?",
                reader->row.line, TABLE_CELL_BYTES_MAX);
        }
    }
    return ERR_OK;
}

static size_t line_len(struct slice rest)
{
    size_t len = 0;
    while (len < rest.len && rest.data[len] != '\r' && rest.data[len] != '\n') {
        len++;
    }
    bool crlf = len + 1 < rest.len && rest.data[len] == '\r' && rest.data[len + 1] == '\n';
    size_t after = len + (crlf ? 2 : 1);
    return after < rest.len ? after : rest.len;
}

static bool line_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (!is_blank((char)line.data[i])) {
            return false;
        }
    }
    return true;
}

/* A line break ends a row unless it is inside quotes, so a row that has not ended with its line goes on. */
static enum err_code lines_feed(struct reader *reader, struct slice text)
{
    for (size_t at = 0; at < text.len; reader->line++) {
        struct slice line = slice_of(text.data + at, line_len(slice_of(text.data + at, text.len - at)));
        at += line.len;
        if (!reader->in_row) {
            reader->row.line = reader->line;
        }
        reader->row_ended = false;
        TRY(line_feed(reader, line));
        reader->in_row = !reader->row_ended && (reader->in_row || !line_blank(line));
    }
    if (csv_fini(&reader->csv, cell_seen, row_seen, reader) != 0 && reader->rc == ERR_OK) {
        return FAIL(reader->err, INVALID,
                    "read the row that begins in line %u: a cell's opening quote has no closing quote",
                    reader->row.line);
    }
    return reader->rc;
}

/* Which of the three the first row has most of outside quotes; of as many the earlier one here. */
static char delimiter_of(struct slice text)
{
    static const char delimiters[] = { '\t', ';', ',' };
    size_t counts[ARRAY_LEN(delimiters)] = { 0 };
    size_t at = 0;
    for (size_t len; at < text.len; at += len) {
        struct slice rest = slice_of(text.data + at, text.len - at);
        len = line_len(rest);
        if (!line_blank(slice_of(rest.data, len))) {
            break;
        }
    }
    bool quoted = false;
    for (; at < text.len && (quoted || (text.data[at] != '\n' && text.data[at] != '\r')); at++) {
        quoted ^= text.data[at] == '"';
        for (size_t i = 0; i < ARRAY_LEN(delimiters) && !quoted; i++) {
            counts[i] += text.data[at] == (uint8_t)delimiters[i];
        }
    }
    size_t most = 2;
    for (size_t i = ARRAY_LEN(delimiters); i-- > 0;) {
        most = counts[i] >= counts[most] && counts[i] > 0 ? i : most;
    }
    return delimiters[most];
}

/* The Excel line `sep=;`: its length, and the delimiter it names. */
static enum err_code separator_line(struct slice text, size_t *ret_len, char *ret_delimiter, struct error *err)
{
    size_t len = line_len(text);
    if (text.len < 5 || strncasecmp((const char *)text.data, "sep=", 4) != 0) {
        *ret_len = 0;
        *ret_delimiter = delimiter_of(text);
        return ERR_OK;
    }
    char delimiter = (char)text.data[4];
    if (strchr(",;\t", delimiter) == NULL || !line_blank(slice_of(text.data + 5, len - 5))) {
        return FAIL(err, INVALID, "read line 1: 'sep=' names no comma, semicolon or tab");
    }
    *ret_len = len;
    *ret_delimiter = delimiter;
    return ERR_OK;
}

static enum err_code text_read(struct table *table, struct slice text, struct error *err)
{
    size_t skip = 0;
    TRY(separator_line(text, &skip, &table->delimiter, err));
    struct reader reader = { .table = table, .line = skip > 0 ? 2 : 1, .err = err };
    if (csv_init(&reader.csv, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        return FAIL(err, NO_MEMORY, "start the CSV parser");
    }
    csv_set_delim(&reader.csv, (unsigned char)table->delimiter);
    csv_set_blk_size(&reader.csv, PIECE_BYTES);
    enum err_code rc = lines_feed(&reader, slice_of(text.data + skip, text.len - skip));
    csv_free(&reader.csv);
    if (rc == ERR_OK && table->rows.len == 0) {
        return FAIL(err, INVALID, "read the file: it is blank; its first row must name the columns");
    }
    return rc;
}

static void release_buf(struct buf *buf)
{
    buf_fini(buf);
}

static enum err_code file_to_table(struct table *table, struct slice file, struct error *err)
{
    if (file.len > TABLE_FILE_BYTES_MAX) {
        return FAIL(err, LIMIT, "read the file: it has %zu bytes, and at most %zu are taken", file.len,
                    TABLE_FILE_BYTES_MAX);
    }
    SCOPED(release_buf) struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    TRY(text_decode(file, &text, &table->encoding, err));
    if (text.len == 0) {
        return FAIL(err, INVALID, "read the file: it is empty; its first row must name the columns");
    }
    return text_read(table, buf_slice(&text), err);
}

enum err_code table_read(struct slice file, struct table **ret_table, struct error *err)
{
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return FAIL(err, NO_MEMORY, "make a table");
    }
    buf_init(&table->pool, POOL_BYTES_MAX);
    buf_init(&table->cells, CELLS_MAX * sizeof(uint32_t));
    buf_init(&table->rows, (TABLE_ROWS_MAX + 1) * sizeof(struct table_row));
    enum err_code rc = file_to_table(table, file, err);
    if (rc != ERR_OK) {
        table_free(table);
        return rc;
    }
    *ret_table = table;
    return ERR_OK;
}

void table_free(struct table *table)
{
    if (table != NULL) {
        buf_fini(&table->pool);
        buf_fini(&table->cells);
        buf_fini(&table->rows);
        free(table);
    }
}

enum text_encoding table_encoding(const struct table *table)
{
    return table->encoding;
}

char table_delimiter(const struct table *table)
{
    return table->delimiter;
}

size_t table_columns(const struct table *table)
{
    return row_at(table, 0)->cells;
}

const char *table_header(const struct table *table, size_t column)
{
    return cell_at(table, row_at(table, 0), column);
}

size_t table_header_line(const struct table *table)
{
    return row_at(table, 0)->line;
}

size_t table_rows(const struct table *table)
{
    return table->rows.len / sizeof(struct table_row) - 1;
}

size_t table_cells(const struct table *table, size_t row)
{
    return row_at(table, row + 1)->cells;
}

size_t table_line(const struct table *table, size_t row)
{
    return row_at(table, row + 1)->line;
}

const char *table_cell(const struct table *table, size_t row, size_t column)
{
    return cell_at(table, row_at(table, row + 1), column);
}
