#: positional parameters keep their borders in "$@"
for a in "$@"; do echo "<$a>"; done
for a in $@; do echo "<$a>"; done
for a in "$*"; do echo "<$a>"; done
for a in $*; do echo "<$a>"; done
for a in "x$@y"; do echo "<$a>"; done
echo $# ${#} "${2}" $2
shift 2; echo "$@" $#
set --; for a in "$@"; do echo never; done; echo "[$@]"; for a in "x$@"; do echo "<$a>"; done
#: separators of $* come from IFS
IFS=:; echo "$*"; IFS=; echo "$*"; unset IFS; echo "$*"
#: unset and empty values
unset u; e=; s=set
echo "${u-default}" "${e-default}" "${u:-default}" "${e:-default}" "${s:-no}"
echo "${u+alt}" "${e+alt}" "${e:+alt}" "${s:+alt}"
echo "${u=assigned}" "$u"
echo "${e:=filled}" "$e"
echo ${#s} ${#u}
#: an unset parameter with a message ends the script
echo before; echo ${nope?with message} 2>/dev/null; echo after
#: set -u
set -u; echo "${x-ok}"; echo $x; echo not reached
#: trimming
p=/usr/local/lib/file.tar.gz
echo ${p#*/} ${p##*/} ${p%.*} ${p%%.*} ${p#nothing} "${p%/*}"
x='a*b*c'; echo "${x#a\*}" "${x%"*c"}" "${x##*'*'}"
y=abc; z='?'; echo ${y#$z} "${y#"$z"}"
#: words in conditional expansions
a="1 2"; for w in ${u:-$a x}; do echo "<$w>"; done
for w in "${u:-$a x}"; do echo "<$w>"; done
for w in ${u:-"$a" 'b c'}; do echo "<$w>"; done
echo "${u:-a}b}" ${u:-a\}b} "${u:-'q'}" ${u:-'q'}
#: arithmetic
x=5; echo $((x+1)) $((x*=2)) $x $(( (1+2)*3 )) $((7/2)) $((-7%3)) $((1<<3)) $((x>3?10:20))
echo $((0x1f)) $((010)) $((1&&0)) $((1||0)) $((!1)) $((~5)) $(( $x + ${x} ))
echo $((x = 3, 1)) 2>/dev/null
#: command substitution
echo $(echo a; echo b) "$(echo a; echo b)" `echo c` "`echo "d e"`"
echo $(echo $(echo nested)) `echo \`echo older\`` "$(printf 'x\n\n\n')"
x=$(false); echo $?; x=$(exit 3) y=1; echo $?
echo "$(cat <<E
here in substitution
E
)"
echo $(case a in a) echo case;; esac)
#: fields
x=" a  b "; echo $x; echo "$x"; for w in $x; do echo "<$w>"; done
IFS=:; x="a::b:c:"; for w in $x; do echo "<$w>"; done
IFS=" :"; x=" a : b :: c "; for w in $x; do echo "<$w>"; done
IFS=; x="a b"; for w in $x; do echo "<$w>"; done
#: fields next to text
x="b c"; for w in a$x"d e"; do echo "<$w>"; done
for w in a""b '' "" x; do echo "<$w>"; done
e=; for w in $e ""$e; do echo "<$w>"; done
#: tilde
echo ~ ~/x "~" a~ x=~ ; x=~/y; echo $x; p=~:~/bin; echo $p; echo \~
#: quotes
echo 'a"b' "a'b" a\ b "a\$b\`c\"d\\q\z" 'a\nb'
echo "multi
line" one\
two
#: globbing
touch a.c b.c .hidden d.h; mkdir sub; touch sub/x.c
echo *.c; echo *; echo .h*; echo [ab].c; echo [!a].c; echo sub/*.c; echo */x.c; echo nomatch*; echo "*.c" \*.c '*'.c
x='*.c'; echo $x "$x"; set -f; echo *.c; set +f; echo *.h; echo ?.c; echo s*/; echo ./*.c
#: patterns that do not match a leading period
touch .a b; echo * .[a-z] [.]a
#: special parameters
false; echo $?; true; echo $?; sh -c 'exit 7'; echo $?; echo $0 ${0}; (exit 9); echo $?
#: nested quotes in substitution
x="a b"; echo "$(echo "$x" "c  d")" "${x:-"no"}"
#: here documents
x=val
cat <<EOF
plain $x $(echo sub) \$x \\ "q" 'q' `echo old` $((1+1))
	tab
EOF
cat <<'EOF'
raw $x $(echo sub) \$x
EOF
cat <<-EOF
	stripped
		both $x
	EOF
cat <<A; cat <<B
first
A
second
B
#: here document feeding a loop
while read a b; do echo "$b:$a"; done <<E
1 2 3
x y
E
#: length of special parameters
set -- a b c; echo ${##} ${#?}
#: assignment before expansion of the same variable
x=1; x=2 eval 'echo $x'; echo $x; x=3 true; echo $x; f() { echo $x; }; x=4 f; echo $x
#: exported variables reach programs
export a=1; b=2; c=3 sh -c 'echo $a-$b-$c'; export b; sh -c 'echo $b'; unset a; sh -c 'echo [$a]'
