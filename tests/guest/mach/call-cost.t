# A call to a server and back costs at most a fifth more than the kernel's own call, on every board.

@counted

  $ bench rpc.null > costs; bench sel4.call >> costs
  $ while read name value unit; do
  >   case $name in rpc.null) rpc=$value;; sel4.call) bare=$value;; esac
  > done < costs
  $ if test $bare -gt 0 && test $rpc -ge $bare; then echo measured; fi
  measured
  $ test $((rpc * 10)) -le $((bare * 12)) || echo "a call costs $rpc instructions, the kernel's own $bare"
