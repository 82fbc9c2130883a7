#: lists and pipelines
true && echo yes || echo no; false && echo yes || echo no; ! false && echo neg; ! true || echo x
echo a | cat | tr a b; false | true; echo $?; true | false; echo $?; ! true | false; echo $?
#: if
if true; then echo 1; elif true; then echo 2; else echo 3; fi
if false; then echo 1; elif true; then echo 2; else echo 3; fi
if false; then echo 1; elif false; then echo 2; else echo 3; fi
if false; then echo 1; fi; echo $?
#: while and until
i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done; until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i
#: break and continue
for i in 1 2 3 4; do if [ $i = 2 ]; then continue; fi; if [ $i = 4 ]; then break; fi; echo $i; done
for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; echo $i$j; done; done
for i in 1 2; do for j in a b; do break 2; done; done; echo $i$j
while :; do while :; do break 5; done; done; echo out
#: for without words
for a; do echo "$a"; done
for a
do echo "$a"; done
for a in; do echo never; done; echo $?
#: case
for w in apple 'b c' '*' x1 -; do
case $w in
  a*) echo starts with a;;
  "b c" | d) echo b c;;
  '*') echo star;;
  [a-z][0-9]) echo letter digit;;
  *) echo other
esac; done
case x in (x) echo paren;; esac
case x in y) ;; esac; echo $?
p='a*'; case abc in $p) echo match;; esac; case abc in "$p") echo no;; *) echo quoted;; esac
#: functions
f() { echo "f: $1 $#"; return 4; echo not; }
f a b; echo $?; f x && echo no || echo or
g() { x=inner; local y; y=in; }; x=outer; y=out; g; echo $x $y
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1 - 1))) )); fi; }; fact 6
h() (echo sub; x=changed; exit 3); x=kept; h; echo $? $x
i() { echo to stderr >&2; echo to stdout; } 2>/dev/null; i
f() { for a; do echo $a; shift; done; echo $#; }; f 1 2 3; echo $#
#: a function can be called in a pipeline and in the background
f() { while read l; do echo "[$l]"; done; }; printf 'a\nb\n' | f; printf 'a\n' | f | cat
g() { echo bg; }; g & wait
#: subshells keep changes to themselves
x=1; (x=2; cd /; echo $x; pwd); echo $x; [ "$PWD" = / ] || echo elsewhere
(exit 5); echo $?; (false; true); echo $?; ( (echo nested) )
(umask 077; umask); umask 022; (umask 0); umask
(set -- a b; echo $#); echo $#
#: braces
{ echo a; echo b; } | tr ab xy; { echo c; }; { false; } ; echo $?
{ echo out; echo err >&2; } 2>/dev/null; { echo 1; echo 2; } > f; cat f
#: redirections
echo a > f; echo b >> f; cat f; cat < f; echo c > f; cat < f > g; cat g
echo err >&2 2>/dev/null; sh -c 'echo o; echo e >&2' 2>&1 | sort; sh -c 'echo o; echo e >&2' 2>f >/dev/null; cat f
exec 3>three; echo to three >&3; exec 3>&-; cat three
exec 4<three; read x <&4; echo "$x"; exec 4<&-
echo x >&5; echo $?
cat < nonexistent; echo $?
: > empty; wc -c < empty
echo a 1>&2 2>/dev/null | cat; echo 2>f b; cat f
echo hi > "name with blank"; cat name*
#: descriptors in both directions
echo abc > rw; exec 3<>rw; read x <&3; echo def >&3; exec 3>&-; cat rw; echo $x
#: redirecting compound commands
for i in 1 2; do echo $i; done > out; cat out; while read x; do echo "-$x"; done < out
if true; then echo if; fi > out; cat out; (echo sub) > out; cat out; case a in a) echo case;; esac > out; cat out
#: pipelines with compound parts
echo "1 2" | while read a b; do echo $b $a; done
for i in 3 1 2; do echo $i; done | sort | while read x; do echo "<$x>"; done | cat
seq 5 | { read a; read b; echo $a $b; cat; } | tr '\n' ' '; echo
x=1; echo 2 | read x; echo $x
{ echo a; sleep 0; echo b; } | { cat; echo c; } | cat
(echo a | cat) | (cat | cat)
#: exit status of a pipeline with a subshell at the end
true | (exit 3); echo $?; (exit 4) | true; echo $?; true | { false; }; echo $?
#: background and wait
sleep 0 & wait $!; echo $?; (exit 6) & wait $!; echo $?; { sleep 0; exit 7; } & p=$!; wait $p; echo $?
wait; echo $?; sh -c 'exit 3' & sh -c 'exit 4' & wait; echo $?; wait 99999; echo $?
#: kill and wait
sleep 10 & kill $!; wait $!; echo $?; sleep 10 & kill -9 $!; wait $! ; echo $?
#: set -e
set -e; false || echo survived; if false; then :; fi; ! true; echo here; (false; echo not); echo not reached
#: set -e in a function
f() { false; echo after; }; set -e; f || echo handled; f; echo no
#: set -e with command substitution
set -e; x=$(false) || echo caught; x=$(false); echo no
#: set -e and loops
set -e; while false; do :; done; until true; do :; done; for i in 1; do true && true; done; echo ok; false && true; echo still; true && false; echo no
#: exit status
exit 42
#: exit in a subshell and a function
f() { exit 3; }; (f; echo no); echo $?; f; echo no
#: eval and dot
eval 'echo a;' echo b; x='echo $y'; y=z; eval $x; echo 'echo dotted $1; z=3' > lib; . ./lib; echo $z; eval; echo $?
echo 'return 5; echo no' > lib; . ./lib; echo $?
#: eval with syntax errors in a subshell
(eval 'if') 2>/dev/null; echo $?
#: test
[ a = a ] && echo 1; [ a != a ] || echo 2; [ -n "" ] || echo 3; [ -z "" ] && echo 4; [ 1 -lt 2 ] && echo 5
[ -d / ] && echo 6; [ -e nope ] || echo 7; [ ! -e nope ] && echo 8; test a = b -o c = c && echo 9; [ ] || echo 10
touch f; [ -f f ] && [ -r f ] && [ ! -s f ] && echo 11; [ 1 -eq x ] 2>/dev/null; echo $?
#: read
echo ' a  b c ' | { read x y; echo "<$x><$y>"; }; echo 'a\ b c' | { read x y; echo "<$x><$y>"; }; echo 'a\ b' | { read -r x y; echo "<$x><$y>"; }
printf 'one\ntwo' | { read a; read b; echo $? $a $b; read c; echo $? "[$c]"; }
echo a:b:c: | { IFS=: read x y; echo "<$x><$y>"; }; echo a:b: | { IFS=: read x y; echo "<$x><$y>"; }; echo '  lead' | { IFS= read -r x; echo "<$x>"; }
printf 'con\\\ntinued\n' | { read x; echo $x; }
echo ':a' | { IFS=: read x y; echo "<$x><$y>"; }; echo 'a : b : c' | { IFS=': ' read x y z; echo "<$x><$y><$z>"; }
#: getopts
f() { OPTIND=1; while getopts ab:c o; do case $o in a) echo a;; b) echo b=$OPTARG;; c) echo c;; ?) echo bad;; esac; done; shift $((OPTIND-1)); echo "rest: $*"; }
f -a -b x y; f -abx -c; f -ac -- -b; f -z 2>/dev/null; f
getopts :ab: o -b; echo "$o $OPTARG"
#: printf and echo
printf '%s %d %5.2s|%-4d|%04x\n' a 42 xyz 7 255; printf '%s,' a b c; echo; printf '%b\n' 'a\tb'; printf 'x%%\n'
echo -n no newline; echo; echo 'a\tb\\c'; echo a b   c
#: shift, unset, readonly
shift; echo $1; shift 2; echo $#; x=1; unset x; echo "[$x]"; f() { echo f; }; unset -f f; f 2>/dev/null; echo $?
readonly r=1; (r=2) 2>/dev/null; echo $? $r
#: cd
mkdir -p d/e; cd d/e; cd ..; basename "$PWD"; cd e; cd - > /dev/null; basename "$PWD"; cd nope 2>/dev/null || echo failed; cd; pwd
#: trap
trap 'echo bye $?' EXIT; (trap 'echo inner' EXIT; echo in); echo out; exit 3
#: signals and traps
trap 'echo got usr1' USR1; kill -USR1 $$; echo after; trap - USR1; trap '' TERM; kill -TERM $$; echo alive
#: a trapped signal ends wait
trap 'echo hup' HUP; (sleep 0.2; kill -HUP $$) & sleep 0.5 & wait; echo done
#: command not found
nonexistent_command 2>/dev/null; echo $?; ./nonexistent 2>/dev/null; echo $?; touch notexec; ./notexec 2>/dev/null; echo $?; / 2>/dev/null; echo $?
#: scripts without an interpreter line
echo 'echo script $0 $1' > s; chmod +x s; ./s arg; printf '#!/bin/sh\necho hash bang $1\n' > t; chmod +x t; ./t x
#: command and type
command echo hi; command -v echo; command -v nonexistent; echo $?; echo() { command echo wrapped "$@"; }; echo x
#: empty commands and colons
: a b; x=1 :; echo $x; ; echo no
#: semicolons and newlines
echo a; echo b
echo c;

echo d # comment
echo e#not f '#' "#"
#: long pipelines of builtins
echo a | cat | { read x; echo "$x b"; } | { read y; echo "$y c"; } | tr a-z A-Z
#: background loops
for i in 1 2 3; do echo $i & wait $!; done; { for i in 4 5; do echo $i; done; } & wait
#: nested command substitution with output of programs
x=$(for i in 1 2 3; do printf "$i "; echo $i; done | cat; ls /nonexistent 2>/dev/null; echo end); echo "$x"
#: large output through a substitution and a pipe
x=$(seq 20000); echo ${#x}; seq 20000 | while read n; do :; done; echo done; echo "$x" | tail -1
#: large here document
x=$(seq 30000); cat <<E | tail -1
$x
E
#: exec replaces the shell
exec echo replaced; echo not
#: exec in a subshell
(exec echo sub; echo no); echo after; (exec false); echo $?
#: umask
umask 027; umask; umask u=rwx,g=rx,o=; umask; touch f; ls -l f | cut -c1-10
#: aliases of output in a function pipeline with status
f() { cat; return 3; }; echo x | f; echo $?
#: a closed pipe ends the writer
while :; do echo y; done | head -2; echo $?
yes | head -1
#: continuation lines
echo a \
  b && \
echo c |
cat
if true
then
echo d
fi
#: PATH of one command
PATH=/nonexistent; cat f 2>/dev/null; echo $?; PATH=/usr/bin:/bin true; echo $?
#: return outside a function in a sourced file inside a loop
echo 'for i in 1 2; do return 3; done' > lib; for j in a b; do . ./lib; echo $j $?; done
#: IFS splitting of "$@" members
set -- "a b" c; IFS=b; for x in "$@" $@; do echo "<$x>"; done
#: case with quoted pattern characters
case '[a]' in \[a\]) echo 1;; esac; case 'a]' in a]) echo 2;; esac; case '\' in '\') echo 3;; esac; case - in [a-]) echo 4;; esac
#: variables and loops keep their values
for i in a b; do :; done; echo $i; while [ "$i" != aaaaab ]; do i=a$i; done; echo $i
#: large status and shifts
f() { return 255; }; f; echo $?; (exit 257); echo $?
#: syntax error in the middle of a script
echo before
if then
echo after
#: unterminated quote
echo "abc
#: unknown option of set
set -Z; echo not
