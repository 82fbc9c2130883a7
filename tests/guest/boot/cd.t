# What one burns starts from a BIOS, with a screen that shows text.

@board pc99
@machine cd
@ramdisk
@screen
  < login:
  > root
  < #
  > halt
@halt
