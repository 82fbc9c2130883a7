# Pins of the processor are files: they are driven and read, and those of other devices are left to these.

@board rpi3

  $ ls /dev/gpio | wc -l
  54
  $ ls -l /dev/gpio/pin17
  crw-rw---- 1 root root 0, 17 Jan  1 00:00 /dev/gpio/pin17
  $ echo 1 > /dev/gpio/pin17; cat /dev/gpio/pin17
  1
  $ echo 0 > /dev/gpio/pin17; cat /dev/gpio/pin17
  0
  $ echo in > /dev/gpio/pin17; echo out > /dev/gpio/pin17; cat /dev/gpio/pin17
  0
  $ chown alice /dev/gpio/pin17; ls -l /dev/gpio/pin17; chown root /dev/gpio/pin17
  crw-rw---- 1 alice root 0, 17 Jan  1 00:00 /dev/gpio/pin17
  $ echo up > /dev/gpio/pin17
  sh: write error: Invalid argument
  [1]
  $ echo 1 > /dev/gpio/pin14
  sh: write error: Device or resource busy
  [1]
  $ echo 1 > /dev/gpio/pin54
  sh: cannot create /dev/gpio/pin54: Read-only file system
  [2]
