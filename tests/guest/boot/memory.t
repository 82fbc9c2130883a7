# A machine with too little memory says so.

@board qemu-virt
@memory 13M
@console
  < too little memory: it is needed up to 0x40
