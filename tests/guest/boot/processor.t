# A processor that the kernel does not know is told of.

@board qemu-virt
@cpu max
@console
  < cannot boot: not on this processor: it has half-precision floating point
