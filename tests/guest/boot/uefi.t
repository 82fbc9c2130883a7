# What one burns starts from UEFI, with a graphical screen, and can switch the machine off.

@board pc99
@machine uefi
@ramdisk
@console
  < login:
  > root
  < #
  > ps -A | grep -v grep | grep -o 'screen --.*'
  < screen --framebuffer=3:0x0:0x300000:1024:768:4096 --format=x8r8g8b8 --keyboard=4:5:6
  > kill -9 $(ps -A | grep -v grep | grep ' screen --' | cut -c1-5); echo shown > /dev/tty1; echo $?
  < 0
  > halt
@halt
