/* What GRUB starts: puts the kernel, which is the first module, where it belongs and enters it, as a
   Multiboot loader (Multiboot Specification 0.6.96) would have done.

   GRUB tells of the graphics card's modes, too. The kernel reads the record of that with pointers of
   64 bits, which are of 32: it must not know of it. */

.intel_syntax noprefix

.set MAGIC, 0x1badb002
/* Modules begin with pages, and the map of memory is told. */
.set FLAGS, 3

/* The information that the loader leaves: flags, how many modules, where they are described. */
.set INFO_FLAGS, 0
.set INFO_MODULES, 20
.set INFO_MODULE, 24
.set MODULE_BYTES, 16
.set FLAG_MODES, 1 << 11

/* An ELF file of 32 bits: its entry, its program headers, and what is in one of these. */
.set ELF_ENTRY, 24
.set ELF_HEADERS, 28
.set ELF_HEADER_BYTES, 42
.set ELF_HEADER_COUNT, 44
.set HEADER_TYPE, 0
.set HEADER_OFFSET, 4
.set HEADER_PHYSICAL, 12
.set HEADER_FILE_BYTES, 16
.set HEADER_BYTES, 20
.set TYPE_LOAD, 1

.section .header, "a"
    .align 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)

.text
.global _start
_start:
    cld
    lea     esp, stack
    push    eax
    push    ebx
    mov     edx, [ebx + INFO_MODULE]
    mov     eax, [edx]
    and     dword ptr [ebx + INFO_FLAGS], ~FLAG_MODES
    dec     dword ptr [ebx + INFO_MODULES]
    add     dword ptr [ebx + INFO_MODULE], MODULE_BYTES

    /* eax: the kernel's file, edx: a program header, ebp: how many there still are. */
    mov     edx, [eax + ELF_HEADERS]
    add     edx, eax
    movzx   ebp, word ptr [eax + ELF_HEADER_COUNT]
next:
    cmp     dword ptr [edx + HEADER_TYPE], TYPE_LOAD
    jne     skip
    mov     esi, [edx + HEADER_OFFSET]
    add     esi, eax
    mov     edi, [edx + HEADER_PHYSICAL]
    mov     ecx, [edx + HEADER_FILE_BYTES]
    rep movsb
    mov     ecx, [edx + HEADER_BYTES]
    sub     ecx, [edx + HEADER_FILE_BYTES]
    push    eax
    xor     eax, eax
    rep stosb
    pop     eax
skip:
    movzx   ecx, word ptr [eax + ELF_HEADER_BYTES]
    add     edx, ecx
    dec     ebp
    jnz     next

    mov     ecx, [eax + ELF_ENTRY]
    pop     ebx
    pop     eax
    jmp     ecx

.bss
    .align 16
    .skip 256
stack:
