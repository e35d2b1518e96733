/*
 * A workbook is a ZIP of XML parts (APPNOTE 6.3.3, sections 4.3 to 4.5): each part is
 *
 *     local header   PK\3\4, version 20, flags 0, method 8, time, CRC-32, sizes, name
 *     content        deflated
 *
 * and after the last the central directory says the same of each again, with its offset. Sizes are not known before the
 * content is written: they are put into the header afterwards.
 */
#include "agent/import/export_xlsx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"

enum {
    LOCAL_HEADER_BYTES = 30,
    CENTRAL_HEADER_BYTES = 46,
    END_BYTES = 22,
    PARTS = 7,
    CHUNK_BYTES = 16384,
    RAW_DEFLATE = -15,
    MEMORY_LEVEL = 8,
    DAYS_FROM_1899_12_30 = 25569, /* where a spreadsheet begins to count, to 1970-01-01 */
    DOS_DATE_1980_01_01 = 0x21,   /* the same workbook for the same rows */
    NUMBER_DIGITS_MAX = 15,
    MINUTES_A_DAY = 24 * 60,
};

enum style { STYLE_NONE, STYLE_HEADER, STYLE_DAY, STYLE_HOURS }; /* places in cellXfs of styles_xml */

struct part {
    const char *name;
    size_t offset;
    uint32_t crc;
    uint32_t packed;
    uint32_t size;
};

struct xlsx {
    struct buf *out;
    struct buf row; /* of XML, before it is compressed */
    z_stream deflate;
    struct part parts[PARTS];
    size_t part_count;
    const enum xlsx_type *types;
    size_t columns;
    size_t rows;
};

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define OPEN_XML "http://schemas.openxmlformats.org/"
#define MAIN_NAMESPACE "xmlns=\"" OPEN_XML "spreadsheetml/2006/main\""
#define RELATION OPEN_XML "officeDocument/2006/relationships"
#define SHEET_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml."

static const char types_xml[] =
    XML "<Types xmlns=\"" OPEN_XML "package/2006/content-types\">"
        "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
        "<Override PartName=\"/xl/workbook.xml\" ContentType=\"" SHEET_TYPE "sheet.main+xml\"/>"
        "<Override PartName=\"/xl/styles.xml\" ContentType=\"" SHEET_TYPE "styles+xml\"/>"
        "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"" SHEET_TYPE "worksheet+xml\"/>"
        "<Override PartName=\"/xl/worksheets/sheet2.xml\" ContentType=\"" SHEET_TYPE "worksheet+xml\"/></Types>";

static const char package_xml[] =
    XML "<Relationships xmlns=\"" OPEN_XML "package/2006/relationships\">"
        "<Relationship Id=\"rId1\" Type=\"" RELATION "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";

static const char workbook_xml[] = XML "<workbook " MAIN_NAMESPACE " xmlns:r=\"" RELATION
                                       "\"><sheets><sheet name=\"Records\" sheetId=\"1\" r:id=\"rId1\"/>"
                                       "<sheet name=\"Totals\" sheetId=\"2\" r:id=\"rId2\"/></sheets></workbook>";

static const char workbook_parts_xml[] =
    XML "<Relationships xmlns=\"" OPEN_XML "package/2006/relationships\">"
        "<Relationship Id=\"rId1\" Type=\"" RELATION "/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
        "<Relationship Id=\"rId2\" Type=\"" RELATION "/worksheet\" Target=\"worksheets/sheet2.xml\"/>"
        "<Relationship Id=\"rId3\" Type=\"" RELATION "/styles\" Target=\"styles.xml\"/></Relationships>";

static const char styles_xml[] = XML
    "<styleSheet " MAIN_NAMESPACE "><numFmts count=\"2\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>"
    "<numFmt numFmtId=\"165\" formatCode=\"[h]:mm\"/></numFmts>"
    "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>"
    "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/>"
    "</fill></fills><borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>"
    "<cellXfs count=\"4\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
    "<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/>"
    "<xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>"
    "<xf numFmtId=\"165\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/></cellXfs>"
    "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>"
    "</styleSheet>";

static const char sheet_begin_xml[] = XML
    "<worksheet " MAIN_NAMESPACE "><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" "
    "activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetData>";

static const char sheet_end_xml[] = "</sheetData></worksheet>";

/* ---- ZIP ---- */

static void le16(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static void le32(uint8_t *out, size_t value)
{
    le16(out, value & 0xffff);
    le16(out + 2, value >> 16 & 0xffff);
}

/* What local and central header have in common, from "version needed" to "extra length". */
static void part_put(const struct part *part, uint8_t *out)
{
    memset(out, 0, 26);
    le16(out, 20);
    le16(out + 4, Z_DEFLATED);
    le16(out + 8, DOS_DATE_1980_01_01);
    le32(out + 10, part->crc);
    le32(out + 14, part->packed);
    le32(out + 18, part->size);
    le16(out + 22, strlen(part->name));
}

static enum err_code part_begin(struct xlsx *xlsx, const char *name, struct error *err)
{
    static const uint8_t header[LOCAL_HEADER_BYTES] = { 'P', 'K', 3, 4 };
    CHECK(xlsx->part_count < PARTS);
    xlsx->parts[xlsx->part_count] = (struct part){ .name = name, .offset = xlsx->out->len };
    CHECK(deflateReset(&xlsx->deflate) == Z_OK);
    TRY(buf_append(xlsx->out, header, sizeof(header), err));
    return buf_append_text(xlsx->out, name, err);
}

static enum err_code part_write(struct xlsx *xlsx, struct slice content, int flush, struct error *err)
{
    struct part *part = &xlsx->parts[xlsx->part_count];
    z_stream *deflater = &xlsx->deflate;
    uint8_t packed[CHUNK_BYTES];
    if (content.len > UINT32_MAX - part->size) {
        return FAIL(err, LIMIT, "write the workbook: more than 4 GiB in one sheet");
    }
    part->crc = (uint32_t)crc32_z(part->crc, content.data, content.len);
    part->size += (uint32_t)content.len;
    deflater->next_in = (Bytef *)(uintptr_t)content.data;
    deflater->avail_in = (unsigned)content.len;
    do {
        deflater->next_out = packed;
        deflater->avail_out = sizeof(packed);
        CHECK(deflate(deflater, flush) != Z_STREAM_ERROR);
        size_t len = sizeof(packed) - deflater->avail_out;
        TRY(buf_append(xlsx->out, packed, len, err));
        part->packed += (uint32_t)len; /* `out` is far smaller than 4 GiB */
    } while (deflater->avail_out == 0);
    return ERR_OK;
}

static enum err_code part_end(struct xlsx *xlsx, struct error *err)
{
    struct part *part = &xlsx->parts[xlsx->part_count];
    TRY(part_write(xlsx, slice_of("", 0), Z_FINISH, err));
    part_put(part, xlsx->out->data + part->offset + 4);
    xlsx->part_count++;
    return ERR_OK;
}

static enum err_code part_whole(struct xlsx *xlsx, const char *name, const char *content, struct error *err)
{
    TRY(part_begin(xlsx, name, err));
    TRY(part_write(xlsx, slice_of(content, strlen(content)), Z_NO_FLUSH, err));
    return part_end(xlsx, err);
}

static enum err_code directory_write(struct xlsx *xlsx, struct error *err)
{
    size_t begin = xlsx->out->len;
    for (size_t i = 0; i < xlsx->part_count; i++) {
        const struct part *part = &xlsx->parts[i];
        uint8_t header[CENTRAL_HEADER_BYTES] = { 'P', 'K', 1, 2, 20 };
        part_put(part, header + 6);
        le32(header + 42, part->offset);
        TRY(buf_append(xlsx->out, header, sizeof(header), err));
        TRY(buf_append_text(xlsx->out, part->name, err));
    }
    uint8_t end[END_BYTES] = { 'P', 'K', 5, 6 };
    le16(end + 8, xlsx->part_count);
    le16(end + 10, xlsx->part_count);
    le32(end + 12, xlsx->out->len - begin);
    le32(end + 16, begin);
    return buf_append(xlsx->out, end, sizeof(end), err);
}

/* ---- cells ---- */

/* NULL: the byte stands for itself. */
static const char *escape_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    default:
        return c < ' ' && c != '\n' && c != '\t' ? "\xef\xbf\xbd" : NULL;
    }
}

/* "_x0041_" would be read as the character that it names. */
static bool names_character(const char *text)
{
    return strncmp(text, "_x", 2) == 0 && strspn(text + 2, "0123456789abcdefABCDEF") >= 4 && text[6] == '_';
}

static enum err_code text_put(struct buf *row, const char *text, struct error *err)
{
    size_t len = strlen(text);
    bool cut = len > XLSX_TEXT_MAX;
    for (len = cut ? XLSX_TEXT_MAX : len; cut && ((unsigned char)text[len] & 0xc0) == 0x80; len--) {
    }
    for (size_t i = 0; i < len; i++) {
        const char *escape = escape_of((unsigned char)text[i]);
        if (escape != NULL) {
            TRY(buf_append_text(row, escape, err));
        } else if (text[i] == '_' && names_character(text + i)) {
            TRY(buf_append_text(row, "_x005F_", err));
        } else {
            TRY(buf_append(row, text + i, 1, err));
        }
    }
    return buf_append_text(row, cut ? "..." : "", err);
}

static bool number_read(const char *text)
{
    size_t sign = text[0] == '-';
    size_t digits = strspn(text + sign, "0123456789");
    return digits > 0 && digits <= NUMBER_DIGITS_MAX && text[sign + digits] == '\0';
}

static bool hours_read(const char *text, int *ret_minutes)
{
    int hours;
    int minutes;
    char end;
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 6 || text[digits] != ':' || sscanf(text, "%d:%2d%c", &hours, &minutes, &end) != 2) {
        return false;
    }
    *ret_minutes = hours * 60 + minutes;
    return minutes >= 0 && minutes < 60;
}

/* False: it is a text. */
static bool value_put(struct buf *row, enum xlsx_type type, const char *text, enum err_code *ret_rc, struct error *err)
{
    int32_t day;
    int minutes;
    if (type == XLSX_NUMBER && number_read(text)) {
        *ret_rc = buf_append_format(row, err, "><v>%s</v></c>", text);
        return true;
    }
    if (type == XLSX_DAY && date_parse(text, &day)) {
        *ret_rc = buf_append_format(row, err, " s=\"%d\"><v>%d</v></c>", STYLE_DAY, day + DAYS_FROM_1899_12_30);
        return true;
    }
    if (type == XLSX_HOURS && hours_read(text, &minutes)) {
        *ret_rc =
            buf_append_format(row, err, " s=\"%d\"><v>%.9f</v></c>", STYLE_HOURS, (double)minutes / MINUTES_A_DAY);
        return true;
    }
    return false;
}

static enum err_code cell_put(struct xlsx *xlsx, size_t column, enum xlsx_type type, const char *text, enum style style,
                              struct error *err)
{
    enum err_code rc;
    struct buf *row = &xlsx->row;
    if (text == NULL || text[0] == '\0') {
        return ERR_OK;
    }
    TRY(buf_append_format(row, err, "<c r=\"%c%zu\"", 'A' + (int)column, xlsx->rows));
    if (value_put(row, type, text, &rc, err)) {
        return rc;
    }
    TRY(buf_append_format(row, err, " s=\"%d\" t=\"inlineStr\"><is><t xml:space=\"preserve\">", style));
    TRY(text_put(row, text, err));
    return buf_append_text(row, "</t></is></c>", err);
}

static enum err_code row_write(struct xlsx *xlsx, const char *const *cells, enum style style, struct error *err)
{
    if (xlsx->rows == XLSX_ROWS_MAX) {
        return FAIL(err, LIMIT, "write the workbook: a sheet holds %d rows, and there are more: use --format csv",
                    XLSX_ROWS_MAX - 1);
    }
    xlsx->rows++;
    buf_clear(&xlsx->row);
    TRY(buf_append_format(&xlsx->row, err, "<row r=\"%zu\">", xlsx->rows));
    for (size_t i = 0; i < xlsx->columns; i++) {
        enum xlsx_type type = style == STYLE_HEADER ? XLSX_TEXT : xlsx->types[i];
        TRY(cell_put(xlsx, i, type, cells[i], style, err));
    }
    TRY(buf_append_text(&xlsx->row, "</row>", err));
    return part_write(xlsx, buf_slice(&xlsx->row), Z_NO_FLUSH, err);
}

/* ---- the workbook ---- */

static enum err_code sheet_begin(struct xlsx *xlsx, const char *part, const char *const *names,
                                 const enum xlsx_type *types, size_t count, struct error *err)
{
    CHECK(count > 0 && count <= XLSX_COLUMNS_MAX);
    xlsx->types = types;
    xlsx->columns = count;
    xlsx->rows = 0;
    TRY(part_begin(xlsx, part, err));
    TRY(part_write(xlsx, slice_of(sheet_begin_xml, sizeof(sheet_begin_xml) - 1), Z_NO_FLUSH, err));
    return row_write(xlsx, names, STYLE_HEADER, err);
}

static enum err_code sheet_end(struct xlsx *xlsx, struct error *err)
{
    TRY(part_write(xlsx, slice_of(sheet_end_xml, sizeof(sheet_end_xml) - 1), Z_NO_FLUSH, err));
    return part_end(xlsx, err);
}

static enum err_code fixed_parts(struct xlsx *xlsx, struct error *err)
{
    TRY(part_whole(xlsx, "[Content_Types].xml", types_xml, err));
    TRY(part_whole(xlsx, "_rels/.rels", package_xml, err));
    TRY(part_whole(xlsx, "xl/workbook.xml", workbook_xml, err));
    TRY(part_whole(xlsx, "xl/_rels/workbook.xml.rels", workbook_parts_xml, err));
    return part_whole(xlsx, "xl/styles.xml", styles_xml, err);
}

enum err_code xlsx_new(struct buf *out, const char *const *names, const enum xlsx_type *types, size_t count,
                       struct xlsx **ret_xlsx, struct error *err)
{
    struct xlsx *xlsx = calloc(1, sizeof(*xlsx));
    if (xlsx == NULL) {
        return FAIL(err, NO_MEMORY, "write the workbook: out of memory");
    }
    xlsx->out = out;
    buf_init(&xlsx->row, (size_t)XLSX_COLUMNS_MAX * (6 * XLSX_TEXT_MAX + 200));
    if (deflateInit2(&xlsx->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_DEFLATE, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        xlsx_free(xlsx);
        return FAIL(err, NO_MEMORY, "write the workbook: out of memory");
    }
    enum err_code rc = fixed_parts(xlsx, err);
    if (rc == ERR_OK) {
        rc = sheet_begin(xlsx, "xl/worksheets/sheet1.xml", names, types, count, err);
    }
    if (rc != ERR_OK) {
        xlsx_free(xlsx);
        return rc;
    }
    *ret_xlsx = xlsx;
    return ERR_OK;
}

enum err_code xlsx_row(struct xlsx *xlsx, const char *const *cells, struct error *err)
{
    return row_write(xlsx, cells, STYLE_NONE, err);
}

enum err_code xlsx_next_sheet(struct xlsx *xlsx, const char *const *names, const enum xlsx_type *types, size_t count,
                              struct error *err)
{
    TRY(sheet_end(xlsx, err));
    return sheet_begin(xlsx, "xl/worksheets/sheet2.xml", names, types, count, err);
}

enum err_code xlsx_finish(struct xlsx *xlsx, struct error *err)
{
    CHECK(xlsx->part_count == PARTS - 1);
    TRY(sheet_end(xlsx, err));
    return directory_write(xlsx, err);
}

void xlsx_free(struct xlsx *xlsx)
{
    if (xlsx != NULL) {
        (void)deflateEnd(&xlsx->deflate);
        buf_fini(&xlsx->row);
        free(xlsx);
    }
}
