/* What the boot loader reads of the program that it starts (Multiboot2 Specification 2.0, 3.1), and its
   entry. */

.intel_syntax noprefix

.set MAGIC, 0xe85250d6
.set PROCESSOR_I386, 0
.set TAG_END, 0
.set TAG_CONSOLE, 4
.set TAG_FRAMEBUFFER, 5
.set TAG_MODULE_ALIGN, 6
.set OPTIONAL, 1
/* Text shows, too. */
.set CONSOLE_TEXT, 2

.section .header, "a"
    .align 8
header:
    .long MAGIC, PROCESSOR_I386, header_end - header, -(MAGIC + PROCESSOR_I386 + (header_end - header))
    .short TAG_CONSOLE, OPTIONAL
    .long 12, CONSOLE_TEXT
    .align 8
#ifdef GRAPHICS
    /* What is wished for: pixels in a row, rows, bits of a pixel. Where GRUB can set modes, it now
       does, though text would do. */
    .short TAG_FRAMEBUFFER, OPTIONAL
    .long 20, 1024, 768, 32
    .align 8
#endif
    .short TAG_MODULE_ALIGN, 0
    .long 8
    .short TAG_END, 0
    .long 8
header_end:
    /* The same for who knows Multiboot alone (Specification 0.6.96, 3.1): QEMU. Modules begin with
       pages, and the map of memory is told. */
    .set OLD_MAGIC, 0x1badb002
    .set OLD_FLAGS, 3
    .long OLD_MAGIC, OLD_FLAGS, -(OLD_MAGIC + OLD_FLAGS)

.text
.global _start
_start:
    cld
    lea     esp, stack
    push    ebx
    push    eax
    call    start
    /* It answers with the kernel's entry, and leaves what that is told. */
    mov     ecx, eax
    mov     eax, 0x2badb002
    lea     ebx, kernel_information
    jmp     ecx

.section .rodata
.global font
font:
    .incbin "font"

.bss
    .align 16
    .skip 4096
stack:
