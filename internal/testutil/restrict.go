package testutil

import (
	"fmt"
	"strconv"
	"strings"
)

// A Restriction is what a kernel, a container or a shell may not allow a program,
// to be met for real: answered by the kernel itself, for all threads, the Go
// runtime's calls included. The zero value restricts nothing.
type Restriction struct {
	Deny   []Denial
	Limits []Limit
	NoProc bool // nothing is in /proc; needs root
}

// A Denial is a system call that a seccomp filter answers with an errno.
type Denial struct {
	Call  string // as in its man page
	Errno string // its name

	// Only calls whose argument number Arg, of which the low 32 bits count, is Value
	// under Mask; any if Mask is 0.
	Arg         int
	Value, Mask uint32
}

// A Limit is a resource limit, soft and hard: "as", "fsize" in bytes, "nofile".
type Limit struct {
	Resource string
	Value    uint64
}

// Flags returns r in the form that ParseRestriction reads.
func (r Restriction) Flags() (deny, limit string, noproc bool) {
	var denials, limits []string
	for _, d := range r.Deny {
		arg := ""
		if d.Mask != 0 {
			arg = fmt.Sprintf("@%d:%#x&%#x", d.Arg, d.Value, d.Mask)
		}
		denials = append(denials, d.Call+arg+"="+d.Errno)
	}
	for _, l := range r.Limits {
		limits = append(limits, fmt.Sprintf("%s=%d", l.Resource, l.Value))
	}
	return strings.Join(denials, ","), strings.Join(limits, ","), r.NoProc
}

// ParseRestriction reads denials, "CALL[@ARG:VALUE[&MASK]]=ERRNO" with commas between,
// such as "mremap=ENOSYS,madvise@2:25=EINVAL", and limits, such as "as=2048000000".
func ParseRestriction(deny, limit string, noproc bool) (r Restriction, err error) {
	for text := range fields(deny) {
		d, err := parseDenial(text)
		if err != nil {
			return r, fmt.Errorf("%q is not CALL[@ARG:VALUE[&MASK]]=ERRNO: %w", text, err)
		}
		r.Deny = append(r.Deny, d)
	}
	for text := range fields(limit) {
		resource, value, _ := strings.Cut(text, "=")
		n, err := strconv.ParseUint(value, 0, 64)
		if err != nil {
			return r, fmt.Errorf("%q is not RESOURCE=NUMBER: %w", text, err)
		}
		r.Limits = append(r.Limits, Limit{resource, n})
	}
	r.NoProc = noproc
	return r, nil
}

// fields yields what stands between commas.
func fields(list string) func(yield func(string) bool) {
	return strings.FieldsFuncSeq(list, func(c rune) bool { return c == ',' })
}

func parseDenial(text string) (d Denial, err error) {
	call, errno, _ := strings.Cut(text, "=")
	call, arg, only := strings.Cut(call, "@")
	d = Denial{Call: call, Errno: errno}
	if !only {
		return d, nil
	}
	number, value, _ := strings.Cut(arg, ":")
	value, mask, masked := strings.Cut(value, "&")
	if !masked {
		mask = "0xffffffff"
	}
	for _, p := range []struct {
		text string
		set  func(uint32)
	}{
		{number, func(n uint32) { d.Arg = int(n) }},
		{value, func(n uint32) { d.Value = n }},
		{mask, func(n uint32) { d.Mask = n }},
	} {
		n, err := strconv.ParseUint(p.text, 0, 32)
		if err != nil {
			return d, err
		}
		p.set(uint32(n))
	}
	return d, nil
}
