package network

import (
	"net/netip"
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	free, err := choose("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		id      string
		used    []string
		same    bool
		noneErr bool
	}{
		{"the same again", "a", nil, true, false},
		{"other networks do not matter", "a", []string{"192.168.0.0/16", "127.0.0.0/8", "fd00::/64"}, true, false},
		{"another cluster", "b", nil, false, false},
		{"taken", "a", []string{free.Subnet.String()}, false, false},
		{"an address of it taken", "a", []string{free.Node.String() + "/32"}, false, false},
		{"a part of the pool taken", "a", []string{"10.213.0.0/17"}, free.Host.As4()[2] >= 128, false},
		{"all taken", "a", []string{"10.0.0.0/8"}, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var used []netip.Prefix
			for _, u := range test.used {
				used = append(used, netip.MustParsePrefix(u))
			}
			got, err := choose(test.id, used)
			if test.noneErr != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			if (got == free) != test.same {
				t.Errorf("got %v, first %v", got, free)
			}
			if slices.ContainsFunc(used, got.Subnet.Overlaps) || got.Subnet.Masked() != got.Subnet {
				t.Errorf("bad subnet %v", got.Subnet)
			}
			if !got.Subnet.Contains(got.Host) || !got.Subnet.Contains(got.Node) || got.Host == got.Node {
				t.Errorf("bad addresses %v", got)
			}
		})
	}
}

func TestParseRoutes(t *testing.T) {
	table := "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"ko1\t0400D50A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n"
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.213.0.4/30")}
	if got := parseRoutes(table); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := FreePorts(t.Context(), 8)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 8 {
		t.Errorf("got %v", ports)
	}
}
