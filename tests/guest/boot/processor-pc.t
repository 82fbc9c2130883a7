# A processor that does not run the kernel's system calls is told of.

@board pc99
@cpu max
@console
  < this processor is not one by Intel
