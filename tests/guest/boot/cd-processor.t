# A processor that cannot run the kernel is told of on the screen.

@board pc99
@machine cd
@cpu qemu64
@ramdisk
@screen
  < this processor is not one by Intel
