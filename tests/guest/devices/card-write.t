# What is written to a card is there again, also after the next boot; single sectors, parts of them, and many at once.

@board rpi3

  $ echo kept | dd of=/dev/mmc0 bs=512 seek=100 conv=notrunc 2>/dev/null; dd if=/dev/mmc0 bs=512 skip=100 count=1 2>/dev/null | head -c 5
  kept
  $ printf 123 | dd of=/dev/mmc0 bs=1 seek=51711 conv=notrunc 2>/dev/null; dd if=/dev/mmc0 bs=1 skip=51710 count=5 2>/dev/null | tr '\0' .
  .123. (no-eol)
  $ dd if=/dev/random of=random bs=4096 count=256 2>/dev/null; dd if=random of=/dev/mmc0s1 bs=4096 seek=10000 conv=notrunc 2>/dev/null
  $ dd if=/dev/mmc0s1 bs=4096 skip=10000 count=256 2>/dev/null | cmp - random
  $ dd if=/dev/mmc0 bs=4096 skip=10256 count=256 2>/dev/null | cmp - random
@reboot
  $ dd if=/dev/mmc0 bs=512 skip=100 count=1 2>/dev/null | head -c 5
  kept
