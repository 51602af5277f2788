package sets

import (
	"context"
	"testing"

	"vscan/patterns"
)

// Addresses of IPv6 are found whole in all their forms, and names with :: are none.
func TestIPv6(t *testing.T) {
	s, err := Get("net")
	if err != nil {
		t.Fatal(err)
	}
	pats, err := s.Patterns()
	if err != nil {
		t.Fatal(err)
	}
	set, err := patterns.Compile(context.Background(), pats, patterns.Target{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	addresses := []string{
		"::1", "fe80::", "::ffff:1.2.3.4", "2001:db8::", "2001:db8::1:192.0.2.1", "ff02::1", "fe80::1ff:fe23:4567:890a", "FEBF::1", "fd12:3456:789a::",
		"2001:db8:1:2:3:4:5:6", "2001:DB8::8:800:200C:417A", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "0:0:0:0:0:ffff:129.144.52.38", "::FFFF:c0a8:0001",
		"::ffff:0:10.0.0.1", "64:ff9b::192.0.2.33", "2001:db8:1:2:3:4:5::", "2002:c000:204::", "ff05::1:3", "fe80:1:2:3:4:5:192.0.2.1",
	}
	for _, a := range addresses {
		texts = append(texts, a, "http://["+a+"]:80/", "from "+a+"\n", "addr="+a+",", a+"%eth0", a+"/64")
	}
	for i, hits := range found(t, set, texts) {
		want := 0
		switch i % 6 {
		case 1:
			want = len("http://[")
		case 2, 3:
			want = len("addr=")
		}
		if at, ok := ipv6(hits); !ok || at != want {
			t.Errorf("%q: %v at %d, want %d", texts[i], ok, at, want)
		}
	}
	not := []string{
		"std::string", "Foo::1", "a::b", "operator::", "::", " :: ", "::12", "::1a", "1::", "abcd::", "fe80", "12:34:56", "fe80:1:2", "x::ffff:1.2.3.4",
		"::ffff:1.2.3", "fe80::z", "feed::beef", "7:7:7:7:7:7:7:7", "Q::x1", "::fffe:1.2.3.4",
	}
	for i, hits := range found(t, set, not) {
		if at, ok := ipv6(hits); ok {
			t.Errorf("%q: found at %d", not[i], at)
		}
	}
}

// ipv6 returns where the first hit of the patterns of IPv6 is.
func ipv6(hits map[string]int) (at int, ok bool) {
	for _, name := range []string{"net.ipv6", "net.ipv6-loopback", "net.ipv6-ipv4"} {
		if n, have := hits[name]; have && (!ok || n < at) {
			at, ok = n, true
		}
	}
	return at, ok
}
