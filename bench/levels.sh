#!/bin/sh
# Prints the kernel levels that this machine's processor has, with commas.
flags=$(grep -m1 -E '^(flags|Features)' /proc/cpuinfo 2>/dev/null)
levels=reference,generic
case "$(uname -m)" in
x86_64)
	case " $flags " in *" avx2 "*) levels=$levels,avx2 ;; esac
	case " $flags " in *" avx512bw "*) case " $flags " in *" avx512vl "*) levels=$levels,avx512 ;; esac ;; esac ;;
esac
echo "$levels"
