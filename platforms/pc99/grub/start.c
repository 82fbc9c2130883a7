/* What starts first: puts the kernel, which is the first module, where it belongs and enters it, as a
   Multiboot loader (Multiboot Specification 0.6.96) would have done. Where something is wrong, it says
   what.

   GRUB starts it with what Multiboot2 (Specification 2.0, 3.6) tells, QEMU by itself with what
   Multiboot tells. Each module has its checksum, in hexadecimal digits, as the last word of its line.

   The kernel starts where a BIOS has started the machine. What GRUB tells is made into that:

   - The map of memory, which from UEFI has many pieces, becomes a short one.
   - The kernel looks for the first of ACPI's tables where a BIOS leaves it. Where there is none, a
     copy of what GRUB knows is put there.
   - The root task learns of the framebuffer, of which the kernel must not know. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE 4096u
#define MULTIBOOT2 0x36d76289u
#define MULTIBOOT 0x2badb002u

/* Of what the linker makes: this program itself. */
extern u8 program_start[], program_end[];

/* ---- What this program is told. */

/* The area of the map of memory, and the bytes from one entry to the next. */
struct map {
    const u8 *first;
    u32 bytes;
    u32 stride;
};

struct module {
    u32 start, end;
    const char *line;
};

static struct module modules[2];
static u32 module_count;
static struct map map;

static void add_module(u32 start, u32 end, const char *line)
{
    if (module_count < 2) {
        modules[module_count++] = (struct module){ start, end, line };
    }
}

struct tag {
    u32 type;
    u32 size;
};

enum { TAG_END = 0, TAG_MODULE = 3, TAG_MAP = 6, TAG_FRAMEBUFFER = 8, TAG_ACPI_OLD = 14, TAG_ACPI_NEW = 15 };

struct module_tag {
    struct tag tag;
    u32 start;
    u32 end;
    char line[];
};

struct map_entry {
    u64 start;
    u64 bytes;
    u32 type;
    u32 reserved;
};

/* Bytes of an entry that both kinds of maps have. */
enum { MAP_ENTRY = 20 };
enum { MEMORY_USABLE = 1, MEMORY_SLEEP = 4 };

struct map_tag {
    struct tag tag;
    u32 entry_size;
    u32 version;
};

enum { FRAMEBUFFER_COLOURS = 1, FRAMEBUFFER_TEXT = 2 };

struct framebuffer_tag {
    struct tag tag;
    u64 address;
    u32 stride;
    u32 width;
    u32 height;
    u8 bits;
    u8 kind;
    u16 reserved;
    /* Where each colour begins in a pixel, and how many bits it has. */
    u8 red, red_bits, green, green_bits, blue, blue_bits;
} __attribute__((packed));

/* ---- What the kernel is told, and this program where QEMU starts it (Multiboot 0.6.96, 3.3). */

enum { FLAG_MEMORY = 1 << 0, FLAG_MODULES = 1 << 3, FLAG_MAP = 1 << 6 };

struct kernel_information {
    u32 flags;
    u32 lower, upper;
    u32 device;
    u32 command_line;
    u32 modules, module;
    u32 symbols[4];
    u32 map_bytes, map;
    u32 rest[16];
} kernel_information;

static struct kernel_module {
    u32 start, end, line, reserved;
} kernel_module;

/* How many pieces of memory the kernel is told of: each costs some of the entries that it has for
   memory that it hands out. Pieces that are smaller than this are left out. */
#define PIECES 6
#define PIECE_LEAST 0x100000u

static struct kernel_map {
    u32 size;
    u64 start;
    u64 bytes;
    u32 type;
} __attribute__((packed)) kernel_map[PIECES];

/* Memory in which the kernel lies, and where it begins. */
#define KERNEL_START 0x100000u

/* ---- What the root task is told (platforms/pc99/board.rs). */

struct record {
    u8 mark[16];
    u64 address;
    u32 width, height, stride, format;
};
static const u8 RECORD_MARK[16] = "hird framebuffer";
enum { FORMAT_OTHER = 1, FORMAT_RGB, FORMAT_BGR };

/* ---- The usual. */

void *memmove(void *to, const void *from, size_t count)
{
    u8 *out = to;
    const u8 *in = from;
    if (out < in) {
        __asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(count) : : "memory");
    } else {
        out += count - 1;
        in += count - 1;
        __asm__ volatile("std; rep movsb; cld" : "+D"(out), "+S"(in), "+c"(count) : : "memory");
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t count)
{
    return memmove(to, from, count);
}

void *memset(void *to, int byte, size_t count)
{
    u8 *out = to;
    __asm__ volatile("rep stosb" : "+D"(out), "+c"(count) : "a"(byte) : "memory");
    return to;
}

static bool same(const u8 *a, const u8 *b, u32 count)
{
    while (count && *a == *b) {
        a++, b++, count--;
    }
    return !count;
}

static void out8(u16 port, u8 value)
{
    __asm__ volatile("out %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("in %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out32(u16 port, u32 value)
{
    __asm__ volatile("out %0, %1" : : "a"(value), "Nd"(port));
}

static u32 in32(u16 port)
{
    u32 value;
    __asm__ volatile("in %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static u64 page_down(u64 address)
{
    return address & ~(u64)(PAGE - 1);
}

static u64 page_up(u64 address)
{
    return page_down(address + PAGE - 1);
}

/* ---- Saying what is wrong: on COM1, and on the screen. */

static struct framebuffer_tag screen;
#define TEXT_SCREEN 0xb8000u

/* A font of 512 characters, 8 pixels wide and 16 high, behind 4 bytes (PC Screen Font 1). */
extern const u8 font[];
enum { FONT_HEADER = 4, WIDTH = 8, HEIGHT = 16 };

/* COM1's registers (16550 data sheet). */
enum {
    COM1 = 0x3f8,
    LINE_CONTROL = COM1 + 3,
    LINE_EIGHT_BITS = 3,
    LINE_STATUS = COM1 + 5,
    TRANSMIT_EMPTY = 1 << 5,
};
#define SERIAL_PATIENCE 1000000u

static void draw(char character, u32 column)
{
    if (screen.kind == FRAMEBUFFER_TEXT) {
        volatile u16 *cell = (volatile u16 *)(u32)screen.address + column;
        *cell = 0x4f00 | (u8)character;
        return;
    }
    u64 end = screen.address + (u64)screen.stride * screen.height;
    if (screen.kind != FRAMEBUFFER_COLOURS || screen.bits != 32 || end > UINT32_MAX
        || (column + 1) * WIDTH > screen.width || HEIGHT > screen.height) {
        return;
    }
    for (u32 line = 0; line < HEIGHT; line++) {
        volatile u32 *pixel = (volatile u32 *)((u32)screen.address + line * screen.stride) + column * WIDTH;
        for (u32 bit = 0; bit < WIDTH; bit++) {
            bool set = font[FONT_HEADER + (u8)character * HEIGHT + line] & 0x80 >> bit;
            pixel[bit] = set ? 0xffffff : 0;
        }
    }
}

static void print(const char *text)
{
    for (; *text; text++) {
        for (u32 tries = 0; tries < SERIAL_PATIENCE && !(in8(LINE_STATUS) & TRANSMIT_EMPTY); tries++) {
        }
        out8(COM1, (u8)*text);
    }
}

static _Noreturn void fail(const char *why)
{
    for (u32 column = 0; why[column]; column++) {
        draw(why[column], column);
    }
    out8(LINE_CONTROL, LINE_EIGHT_BITS);
    print("<<hird:dead>> ");
    print(why);
    print("\r\n");
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

/* ---- Memory. */

struct piece {
    u64 start, end;
};

/* More than the firmware of any machine names, once neighbours are joined. */
#define MOST 256
static struct piece pieces[MOST];
static u32 count;

static void remove_piece(u32 index)
{
    memmove(&pieces[index], &pieces[index + 1], (count - index - 1) * sizeof(pieces[0]));
    count--;
}

/* Adds usable memory, joined with what it touches. */
static void add_piece(u64 start, u64 end)
{
    for (u32 index = 0; index < count;) {
        if (pieces[index].start <= end && start <= pieces[index].end) {
            start = start < pieces[index].start ? start : pieces[index].start;
            end = end > pieces[index].end ? end : pieces[index].end;
            remove_piece(index);
        } else {
            index++;
        }
    }
    if (count == MOST) {
        fail("the firmware's map of memory has too many pieces");
    }
    pieces[count++] = (struct piece){ start, end };
}

/* Takes memory away that is not usable, whatever else is said of it. */
static void cut_piece(u64 start, u64 end)
{
    for (u32 index = 0; index < count;) {
        struct piece piece = pieces[index];
        if (piece.end <= start || end <= piece.start) {
            index++;
            continue;
        }
        /* What is left of it goes to the end of the list. */
        remove_piece(index);
        if (piece.start < start) {
            add_piece(piece.start, start);
        }
        if (end < piece.end) {
            add_piece(end, piece.end);
        }
    }
}

/* Finds all usable memory from 1 MiB on. Below `place`, memory that the firmware keeps for waking from
   sleep is taken, too: the kernel has to lie there, and this system never sleeps. */
static void read_map(u64 place)
{
    for (u32 pass = 0; pass < 2; pass++) {
        for (u32 at = 0; at + MAP_ENTRY <= map.bytes; at += map.stride) {
            const struct map_entry *entry = (const void *)(map.first + at);
            u64 start = entry->start, end = entry->start + entry->bytes;
            if (end < start) {
                continue;
            }
            bool usable = entry->type == MEMORY_USABLE;
            if (entry->type == MEMORY_SLEEP && start < place) {
                u64 taken = end < place ? end : place;
                if (pass == 0) {
                    add_piece(start, taken);
                }
                start = taken;
            }
            if (pass == 0 && usable) {
                add_piece(start, end);
            } else if (pass == 1 && !usable && start < end) {
                cut_piece(page_down(start), page_up(end));
            }
        }
    }
    cut_piece(0, KERNEL_START);
    for (u32 index = 0; index < count;) {
        pieces[index].start = page_up(pieces[index].start);
        pieces[index].end = page_down(pieces[index].end);
        if (pieces[index].end < pieces[index].start + PIECE_LEAST) {
            remove_piece(index);
        } else {
            index++;
        }
    }
}

/* The piece with these bytes, or none. */
static const struct piece *piece_of(u64 start, u64 end)
{
    for (u32 index = 0; index < count; index++) {
        if (pieces[index].start <= start && end <= pieces[index].end) {
            return &pieces[index];
        }
    }
    return 0;
}

/* Tells the kernel of the largest pieces, from below. */
static void write_map(void)
{
    while (count > PIECES) {
        u32 smallest = 0;
        for (u32 index = 1; index < count; index++) {
            if (pieces[index].end - pieces[index].start < pieces[smallest].end - pieces[smallest].start) {
                smallest = index;
            }
        }
        remove_piece(smallest);
    }
    u32 pieces_told = 0;
    for (u64 from = 0; pieces_told < count; pieces_told++) {
        const struct piece *next = 0;
        for (u32 index = 0; index < count; index++) {
            if (pieces[index].start >= from && (!next || pieces[index].start < next->start)) {
                next = &pieces[index];
            }
        }
        kernel_map[pieces_told].size = sizeof(kernel_map[0]) - sizeof(u32);
        kernel_map[pieces_told].start = next->start;
        kernel_map[pieces_told].bytes = next->end - next->start;
        kernel_map[pieces_told].type = MEMORY_USABLE;
        from = next->end;
    }
}

/* ---- ACPI (6.4, 5.2.5 to 5.2.8). */

struct root_pointer {
    u8 signature[8];
    u8 checksum;
    u8 maker[6];
    u8 revision;
    u32 table;
    u32 length;
    u64 long_table;
    u8 long_checksum;
    u8 reserved[3];
} __attribute__((packed));
enum { ROOT_POINTER_OLD = 20 };

struct table {
    u8 signature[4];
    u32 length;
    u8 revision;
    u8 checksum;
    u8 rest[26];
};

#define BIOS_START 0xe0000u
#define BIOS_END 0x100000u

static u8 sum(const u8 *bytes, u32 length)
{
    u8 total = 0;
    while (length--) {
        total += *bytes++;
    }
    return total;
}

/* The one that the kernel finds, or none. */
static const struct root_pointer *root_pointer_for_kernel(void)
{
    for (const u8 *at = (const u8 *)BIOS_START; at < (const u8 *)BIOS_END; at += 16) {
        if (same(at, (const u8 *)"RSD PTR ", 8) && sum(at, ROOT_POINTER_OLD) == 0) {
            return (const void *)at;
        }
    }
    return 0;
}

/* Whether the tables tell of processors and interrupt controllers, which the kernel wants to know. */
static bool has_controllers(const struct root_pointer *root_pointer)
{
    const struct table *table = (const struct table *)root_pointer->table;
    const u32 *entries = (const u32 *)(table + 1);
    u32 count_of_entries = table ? (table->length - sizeof(*table)) / sizeof(*entries) : 0;
    for (u32 index = 0; index < count_of_entries; index++) {
        if (same((const u8 *)entries[index], (const u8 *)"APIC", 4)) {
            return true;
        }
    }
    return false;
}

/* Whether the BIOS's area can be written. */
static bool is_writable(void)
{
    volatile u32 *word = (volatile u32 *)BIOS_START;
    u32 before = *word;
    *word = ~before;
    __asm__ volatile("wbinvd" : : : "memory");
    bool changed = *word == ~before;
    *word = before;
    return changed;
}

/* PCI's first configuration mechanism, for the first device. */
enum { CONFIGURATION_ADDRESS = 0xcf8, CONFIGURATION_DATA = 0xcfc };
#define CONFIGURATION_ENABLE (1u << 31)

/* Makes the first 16 KiB of the BIOS's area ordinary memory, where the host bridge is known: one of
   Intel's 440FX (290549, 3.2.18) or Q35 (316966, 5.1.24). */
static void open_bios_area(void)
{
    static const struct {
        u32 bridge;
        u32 reg;
    } BRIDGES[] = { { 0x12378086, 0x5e }, { 0x29c08086, 0x95 } };
    out32(CONFIGURATION_ADDRESS, CONFIGURATION_ENABLE);
    u32 bridge = in32(CONFIGURATION_DATA);
    for (u32 index = 0; index < sizeof(BRIDGES) / sizeof(BRIDGES[0]); index++) {
        if (BRIDGES[index].bridge == bridge) {
            u32 reg = BRIDGES[index].reg;
            u16 port = CONFIGURATION_DATA + reg % 4;
            out32(CONFIGURATION_ADDRESS, CONFIGURATION_ENABLE | (reg & ~3u));
            /* Reads and writes go to memory. */
            out8(port, in8(port) | 3);
        }
    }
}

/* Leaves ACPI's first table where the kernel looks for it. */
static void place_root_pointer(const struct root_pointer *from)
{
    if (!from) {
        fail("GRUB knows of no ACPI tables");
    }
    struct root_pointer copy = { .revision = 0, .table = from->table, .length = sizeof(copy) };
    const struct table *long_table = 0;
    if (from->revision >= 2 && from->long_table && from->long_table <= UINT32_MAX) {
        long_table = (const struct table *)(u32)from->long_table;
    }
    if (!is_writable()) {
        open_bios_area();
        if (!is_writable()) {
            fail("the area of the BIOS, where the kernel looks for ACPI's tables, cannot be written: "
                 "switch the firmware's CSM on");
        }
    }
    memcpy(copy.signature, "RSD PTR ", sizeof(copy.signature));
    memcpy(copy.maker, from->maker, sizeof(copy.maker));
    if (!copy.table && long_table) {
        /* The same table with short addresses. */
        struct table *table = (struct table *)(BIOS_START + 64);
        u32 entries = (long_table->length - sizeof(*table)) / 8;
        u32 *out = (u32 *)(table + 1);
        const u64 *in = (const u64 *)(long_table + 1);
        if (entries > 256) {
            fail("ACPI's first table is damaged");
        }
        *table = *long_table;
        memcpy(table->signature, "RSDT", 4);
        table->length = sizeof(*table);
        for (u32 index = 0; index < entries; index++) {
            u64 entry;
            memcpy(&entry, &in[index], sizeof(entry));
            if (entry <= UINT32_MAX) {
                *out++ = (u32)entry;
                table->length += sizeof(*out);
            }
        }
        table->revision = 1;
        table->checksum = 0;
        table->checksum = -sum((u8 *)table, table->length);
        copy.table = (u32)table;
    }
    copy.checksum = -sum((u8 *)&copy, ROOT_POINTER_OLD);
    memcpy((void *)BIOS_START, &copy, sizeof(copy));
}

/* ---- The processor. */

static void identify(u32 leaf, u32 *b, u32 *c, u32 *d)
{
    __asm__ volatile("cpuid" : "+a"(leaf), "=b"(*b), "=c"(*c), "=d"(*d));
}

static void check_processor(void)
{
    enum { EXTENDED = 0x80000001, LONG_MODE = 1 << 29 };
    u32 maker[3], b, c, d;
    identify(0, &maker[0], &maker[2], &maker[1]);
    if (!same((const u8 *)maker, (const u8 *)"GenuineIntel", sizeof(maker))) {
        fail("this processor is not one by Intel: it lacks the kernel's way of making system calls");
    }
    identify(EXTENDED, &b, &c, &d);
    if (!(d & LONG_MODE)) {
        fail("this processor is not one of 64 bits");
    }
}

/* ---- ELF files. */

struct elf32 {
    u8 ident[16];
    u16 type, machine;
    u32 version, entry, headers, sections, flags;
    u16 size, header_size, header_count;
};

struct header32 {
    u32 type, offset, address, physical, file_bytes, bytes;
};

struct elf64 {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, headers, sections;
    u32 flags;
    u16 size, header_size, header_count;
};

struct header64 {
    u32 type, flags;
    u64 offset, address, physical, file_bytes, bytes;
};

enum { ELF_LOAD = 1 };

static const struct header32 *header32(const struct elf32 *elf, u32 index)
{
    return (const void *)((const u8 *)elf + elf->headers + index * elf->header_size);
}

/* Where the kernel ends. */
static u32 end_of_kernel(const struct elf32 *elf)
{
    u32 end = 0;
    for (u32 index = 0; index < elf->header_count; index++) {
        const struct header32 *header = header32(elf, index);
        if (header->type == ELF_LOAD && header->physical + header->bytes > end) {
            end = header->physical + header->bytes;
        }
    }
    return end;
}

static void load_kernel(const struct elf32 *elf)
{
    for (u32 index = 0; index < elf->header_count; index++) {
        const struct header32 *header = header32(elf, index);
        if (header->type == ELF_LOAD) {
            u8 *to = (u8 *)header->physical;
            memcpy(to, (const u8 *)elf + header->offset, header->file_bytes);
            memset(to + header->file_bytes, 0, header->bytes - header->file_bytes);
        }
    }
}

/* Bytes of memory that the root task's program takes. */
static u64 size_of_program(const struct elf64 *elf)
{
    u64 start = UINT64_MAX, end = 0;
    for (u32 index = 0; index < elf->header_count; index++) {
        const struct header64 *header =
            (const void *)((const u8 *)elf + (u32)elf->headers + index * elf->header_size);
        if (header->type == ELF_LOAD) {
            start = header->address < start ? header->address : start;
            end = header->address + header->bytes > end ? header->address + header->bytes : end;
        }
    }
    return end < start ? 0 : page_up(end) - page_down(start);
}

/* ---- All of it. */

/* Tells the root task of the framebuffer. */
static void write_record(u8 *program, u32 bytes)
{
    if (screen.kind != FRAMEBUFFER_COLOURS) {
        return;
    }
    bool whole = screen.bits == 32 && screen.red_bits == 8 && screen.green_bits == 8 && screen.blue_bits == 8;
    u32 format = FORMAT_OTHER;
    if (whole && screen.red == 16 && screen.green == 8 && screen.blue == 0) {
        format = FORMAT_RGB;
    } else if (whole && screen.red == 0 && screen.green == 8 && screen.blue == 16) {
        format = FORMAT_BGR;
    }
    for (u32 at = 0; at + sizeof(struct record) <= bytes; at += 16) {
        struct record *record = (struct record *)(program + at);
        if (same(record->mark, RECORD_MARK, sizeof(RECORD_MARK))) {
            record->address = screen.address;
            record->width = screen.width;
            record->height = screen.height;
            record->stride = screen.stride;
            record->format = format;
            return;
        }
    }
}

/* Whether two areas have something in common. */
static bool overlap(u64 start, u64 end, u64 other_start, u64 other_end)
{
    return start < other_end && other_start < end;
}

/* The lowest place for so many bytes behind `from` that leaves this program and `kept` alone. */
static u32 find_place(u64 bytes, u64 from, struct piece kept)
{
    const struct piece own = { (u32)program_start, page_up((u32)program_end) };
    u64 best = UINT64_MAX;
    for (u32 index = 0; index < count; index++) {
        u64 at = pieces[index].start > from ? pieces[index].start : from;
        for (u32 pass = 0; pass < 2; pass++) {
            if (overlap(at, at + bytes, own.start, own.end)) {
                at = own.end;
            }
            if (overlap(at, at + bytes, kept.start, kept.end)) {
                at = page_up(kept.end);
            }
        }
        if (at + bytes <= pieces[index].end && at + bytes <= UINT32_MAX && at < best) {
            best = at;
        }
    }
    if (best == UINT64_MAX) {
        fail("there is too little memory");
    }
    return (u32)best;
}

/* Reads what GRUB tells; answers ACPI's root pointer, if it knows that. */
static const struct root_pointer *read_tags(const u8 *told)
{
    const struct root_pointer *root_pointer = 0;
    const u8 *end = told + *(const u32 *)told;
    for (const u8 *at = told + 8; at + sizeof(struct tag) <= end;) {
        const struct tag *tag = (const void *)at;
        switch (tag->type) {
        case TAG_MODULE: {
            const struct module_tag *module = (const void *)tag;
            add_module(module->start, module->end, module->line);
            break;
        }
        case TAG_MAP: {
            const struct map_tag *told_map = (const void *)tag;
            map = (struct map){ (const u8 *)(told_map + 1), tag->size - sizeof(*told_map), told_map->entry_size };
            break;
        }
        case TAG_FRAMEBUFFER:
            memcpy(&screen, tag, tag->size < sizeof(screen) ? tag->size : sizeof(screen));
            break;
        case TAG_ACPI_OLD:
            if (!root_pointer) {
                root_pointer = (const void *)(tag + 1);
            }
            break;
        case TAG_ACPI_NEW:
            root_pointer = (const void *)(tag + 1);
            break;
        }
        if (tag->type == TAG_END || tag->size < sizeof(*tag)) {
            break;
        }
        at += (tag->size + 7) & ~7u;
    }
    return root_pointer;
}

/* Reads what QEMU tells. */
static void read_information(const struct kernel_information *told)
{
    const struct kernel_module *module = (const void *)told->module;
    for (u32 index = 0; told->flags & FLAG_MODULES && index < told->modules; index++) {
        add_module(module[index].start, module[index].end, (const char *)module[index].line);
    }
    const struct kernel_map *first = (const void *)told->map;
    if (told->flags & FLAG_MAP && told->map_bytes >= sizeof(*first) && first->size >= MAP_ENTRY) {
        /* An entry begins with its size, which does not count that itself. */
        map = (struct map){ (const u8 *)&first->start, told->map_bytes - sizeof(u32), first->size + sizeof(u32) };
    }
    screen.kind = FRAMEBUFFER_TEXT;
    screen.address = TEXT_SCREEN;
}

/* The number that the host tool makes of a file (`checksum` of kernel-glue/sel4-loader). */
static u64 checksum(const u8 *bytes, u32 length)
{
    u64 total = length;
    for (u32 at = 0; at <= length; at += sizeof(u64)) {
        u64 word = 0;
        u32 left = length - at;
        memcpy(&word, bytes + at, left < sizeof(word) ? left : sizeof(word));
        total = (total ^ word) * 0x9e3779b97f4a7c15u;
        total = total << 29 | total >> 35;
    }
    return total;
}

/* Whether there is memory as far as a module reaches. */
static bool is_in_memory(const struct module *module)
{
    for (u32 at = 0; at + MAP_ENTRY <= map.bytes; at += map.stride) {
        const struct map_entry *entry = (const void *)(map.first + at);
        if (entry->type == MEMORY_USABLE && module->end <= entry->start + entry->bytes) {
            return true;
        }
    }
    return false;
}

/* Whether a module is as it was made. */
static bool is_whole(const struct module *module)
{
    u64 told = 0;
    for (const char *at = module->line; *at; at++) {
        u32 digit = *at >= 'a' ? *at - 'a' + 10u : *at - '0' + 0u;
        told = *at == ' ' ? 0 : told << 4 | (digit & 15);
    }
    return checksum((const u8 *)module->start, module->end - module->start) == told;
}

/* Makes all ready; answers the kernel's entry. */
u32 start(u32 magic, const u8 *told)
{
    const struct root_pointer *root_pointer = 0;
    if (magic == MULTIBOOT2) {
        root_pointer = read_tags(told);
    } else if (magic == MULTIBOOT) {
        read_information((const void *)told);
    } else {
        fail("this is to be started by GRUB, with `multiboot2`");
    }
    check_processor();
    if (module_count < 2) {
        fail("the kernel and its first program were not loaded");
    }
    if (!map.stride) {
        fail("nobody tells where memory is");
    }
    for (u32 index = 0; index < module_count; index++) {
        if (!is_in_memory(&modules[index])) {
            fail("there is too little memory");
        }
        if (!is_whole(&modules[index])) {
            fail("the image is damaged: write it again");
        }
    }

    const struct elf32 *kernel = (const void *)modules[0].start;
    u64 kernel_end = page_up(end_of_kernel(kernel));
    u64 program_size = size_of_program((const void *)modules[1].start);
    u64 place = kernel_end + program_size;
    read_map(place);
    if (!piece_of(KERNEL_START, place)) {
        fail("the firmware keeps memory, or there is none, where the kernel and its first program must lie");
    }
    if (!root_pointer_for_kernel()) {
        place_root_pointer(root_pointer);
    }
    if (!has_controllers(root_pointer_for_kernel())) {
        fail("ACPI's tables tell of no APIC: there is no such, or the firmware hides it");
    }
    write_map();

    /* From here on nothing is read of what was told. First the module: behind it the kernel makes
       a program of it; then the kernel's file, out of the way of what it becomes. */
    u32 file_bytes = modules[0].end - modules[0].start;
    u32 bytes = modules[1].end - modules[1].start;
    u64 behind = page_up(bytes);
    u64 needed = behind + (program_size > file_bytes ? program_size : file_bytes);
    u32 at = find_place(needed, kernel_end, (struct piece){ modules[0].start, modules[0].end });
    memmove((void *)at, (const void *)modules[1].start, bytes);
    u8 *file = (u8 *)at + behind;
    memmove(file, kernel, file_bytes);
    write_record((u8 *)at, bytes);
    kernel = (const void *)file;
    u32 entry = kernel->entry;
    load_kernel(kernel);

    kernel_module.start = at;
    kernel_module.end = at + bytes;
    kernel_module.line = (u32) "";
    kernel_information.flags = FLAG_MEMORY | FLAG_MODULES | FLAG_MAP;
    kernel_information.command_line = (u32) "";
    kernel_information.modules = 1;
    kernel_information.module = (u32)&kernel_module;
    kernel_information.map = (u32)kernel_map;
    kernel_information.map_bytes = count * sizeof(kernel_map[0]);
    return entry;
}
