# Not much memory is needed.

@board qemu-virt
@memory 32M

  $ ls /bin | grep -x ls
  ls
