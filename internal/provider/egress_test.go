package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// metadataSpellings are hosts that lead to the metadata service of a cloud or to the manager itself.
func metadataSpellings() []string {
	return []string{
		"169.254.169.254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "::a9fe:a9fe", "::ffff:0:a9fe:a9fe",
		"64:ff9b::a9fe:a9fe", "64:ff9b::169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::",
		"64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1::a9:fea9:fe00:0", "2002:a9fe:a9fe::1", "2002:7f00:1::", "2001:0:a9fe:a9fe::1",
		"2001:0:102:304:0:0:5601:5601", "fe80::5efe:a9fe:a9fe", "2001:db8::5efe:169.254.169.254", "2001:db8::200:5efe:7f00:1",
		"fd20:ce::254", "fd00:ec2::254", "fd00:ec2::23", "fd00:42::42", "fd00:c1::a9fe:a9fe", "100.100.100.200", "168.63.129.16",
		"192.0.0.192", "100.96.0.96", "64:ff9b::6464:64c8", "fe80::1%eth0", "ff02::1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "0.0.0.1",
		"::", "127.0.0.1", "127.8.8.8", "::1", "::7f00:1",
		"2852039166", "0xa9fea9fe", "0xA9FEA9FE", "169.254.43518", "169.16689662", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe",
		"169.254.169.254.", "127.1", "0", "0x", "017700000001", "169.254.169.0xfe",
		"１６９.２５４.１６９.２５４", "169。254。169。254", "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
		"metadata.google.internal", "METADATA.google.internal.", "metadata", "metadata.goog", "instance-data", "instance-data.ec2.internal",
		"localhost", "LOCALHOST.", "a.localhost", ".", "", "a b", "a/b", "169.254.169.254%00", "[::1]",
	}
}

func TestAMetadataAddressIsDeniedHoweverItIsWritten(t *testing.T) {
	for _, host := range metadataSpellings() {
		if err := (Egress{}).CheckHost(host); !errors.Is(err, errEgress) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestOrdinaryHostsAreAllowed(t *testing.T) {
	for _, host := range []string{
		"prometheus.monitoring", "prometheus.monitoring.svc.cluster.local.", "loki.2nd-team", "3scale", "my_service", "api.openai.com",
		"bücher.example", "10.96.0.1", "192.168.1.1", "8.8.8.8", "2606:4700::1111", "fd12:3456::1", "64:ff9b::808:808", "64:ff9b:1::808:808",
		"2002:808:808::1", "0x.example", "a.b0", "metadata.team", "fd20:ce::255", "::ffff:8.8.8.8",
	} {
		if err := (Egress{}).CheckHost(host); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
	for _, host := range []string{"127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"} {
		if err := (Egress{AllowLoopback: true}).CheckHost(host); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func prefixes(list ...string) (all []netip.Prefix) {
	for _, prefix := range list {
		all = append(all, netip.MustParsePrefix(prefix))
	}
	return all
}

func TestTheOperatorNarrowsWhatMayBeCalled(t *testing.T) {
	for name, tc := range map[string]struct {
		egress          Egress
		allowed, denied []string
	}{
		"denied addresses": {
			Egress{Denied: prefixes("10.96.0.0/12", "2001:db8::/32")}, []string{"10.0.0.1", "loki.team"},
			[]string{"10.96.0.1", "::ffff:10.96.0.1", "64:ff9b::a60:1", "2002:a60:1::", "2001:db8::1"},
		},
		"denied loopback addresses": {
			Egress{AllowLoopback: true, Denied: prefixes("127.0.0.2/31", "::1/128")}, []string{"127.0.0.1", "localhost"},
			[]string{"127.0.0.2", "::ffff:127.0.0.3", "::1"},
		},
		"denied hosts": {
			Egress{DeniedHosts: []string{"*.corp.example.com", "vault.*"}}, []string{"example.com", "10.0.0.1"},
			[]string{"a.corp.example.com", "A.b.CORP.example.com.", "vault.team"},
		},
		"allowed addresses": {
			Egress{Allowed: prefixes("10.0.0.0/8", "fd12::/16")}, []string{"10.0.0.1", "fd12::1", "64:ff9b::a00:1", "a.name.to.resolve"},
			[]string{"8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "169.254.169.254"},
		},
		"allowed hosts": {
			Egress{AllowedHosts: []string{"api.openai.com", "*.monitoring.svc"}}, []string{"api.openai.com", "prometheus.monitoring.svc"},
			[]string{"example.com", "10.0.0.1", "metadata.google.internal"},
		},
		"allowed addresses and hosts": {
			Egress{Allowed: prefixes("10.0.0.0/8"), AllowedHosts: []string{"api.openai.com"}}, []string{"10.0.0.1", "api.openai.com"},
			[]string{"8.8.8.8"},
		},
		"nothing opens a denied address": {
			Egress{Allowed: prefixes("0.0.0.0/0", "::/0"), AllowedHosts: []string{"*"}}, []string{"8.8.8.8"},
			append(metadataSpellings(), "2852039166"),
		},
		"what is denied wins": {
			Egress{Allowed: prefixes("10.0.0.0/8"), Denied: prefixes("10.96.0.0/12"), AllowedHosts: []string{"*"}, DeniedHosts: []string{"vault"}},
			[]string{"10.0.0.1", "loki"}, []string{"10.96.0.1", "vault"},
		},
	} {
		for _, host := range tc.allowed {
			if err := tc.egress.CheckHost(host); err != nil {
				t.Errorf("%s: %q: %v", name, host, err)
			}
		}
		for _, host := range tc.denied {
			if err := tc.egress.CheckHost(host); !errors.Is(err, errEgress) {
				t.Errorf("%s: %q is allowed", name, host)
			}
		}
	}
}

// names resolves what a test sets, and counts.
type fakeResolver map[string][]string

func (r fakeResolver) LookupNetIP(_ context.Context, _, host string) (found []netip.Addr, err error) {
	for _, address := range r[host] {
		found = append(found, netip.MustParseAddr(address))
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

func TestAHostBehindAProxyIsResolvedAndJudgedFirst(t *testing.T) {
	var requests atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = fmt.Fprint(w, r.URL.Host)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	egress := Egress{
		Resolver: fakeResolver{
			"api.example.com": {"203.0.113.1"}, "169.254.169.254.nip.io": {"169.254.169.254"}, "dns64.example.com": {"64:ff9b::a9fe:a9fe"},
			"both.example.com": {"203.0.113.1", "127.0.0.1"}, "inside.example.com": {"10.96.0.1"},
		},
		Denied: prefixes("10.96.0.0/12"), ProxyResolvedHosts: []string{"*.partner.example"},
	}
	for host, reason := range map[string]string{
		"api.example.com": "", "8.8.8.8": "", "api.partner.example": "",
		"169.254.169.254.nip.io": v1alpha1.ReasonEgressDenied, "dns64.example.com": v1alpha1.ReasonEgressDenied,
		"both.example.com": v1alpha1.ReasonEgressDenied, "inside.example.com": v1alpha1.ReasonEgressDenied,
		"metadata.google.internal": v1alpha1.ReasonEgressDenied, "2852039166": v1alpha1.ReasonEgressDenied,
		"169.254.169.254": v1alpha1.ReasonEgressDenied, "[64:ff9b::a9fe:a9fe]": v1alpha1.ReasonEgressDenied,
		"unknown.example.com": v1alpha1.ReasonNameNotResolved,
	} {
		before := requests.Load()
		transport := &http.Transport{}
		egress.viaProxy(transport, address, Limits{}.defaulted().Timeout)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		got := ""
		if err != nil {
			got = ToProblem(err, host, Fields{}).Reason
		} else {
			_ = response.Body.Close()
		}
		asked := requests.Load() - before
		if got != reason || (asked == 1) != (reason == "") {
			t.Errorf("%s: got %q, want %q; the proxy got %d requests", host, got, reason, asked)
		}
	}
}

func TestADialJudgesEachAddressOfAName(t *testing.T) {
	// The name is allowed and resolves to loopback, so the address is judged where it is dialed.
	egress := Egress{Resolver: fakeResolver{"localhost.example": {"127.0.0.1"}}}
	for _, address := range []string{"127.0.0.1:1", "[64:ff9b::7f00:1]:1", "2130706433:1", "metadata.google.internal:80", "no-port"} {
		if conn, err := egress.Dialer(time.Second).DialContext(t.Context(), "tcp", address); !errors.Is(err, errEgress) {
			t.Errorf("%s: %v, %v", address, conn, err)
		}
	}
	if _, err := egress.allowsAddress("127.0.0.1:80", true); !errors.Is(err, errEgress) {
		t.Errorf("an address of an allowed name: %v", err)
	}
	for address, want := range map[string]error{"10.0.0.1:80": nil, "8.8.8.8:80": errEgressOperator} {
		if _, err := (Egress{Allowed: prefixes("10.0.0.0/8")}).allowsAddress(address, false); !errors.Is(err, want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPrivateRangesAreThoseOfAClusterInAnyForm(t *testing.T) {
	for address, want := range map[string]bool{
		"10.1.2.3": true, "172.16.0.1": true, "192.168.0.1": true, "100.64.1.1": true, "fd12::1": true, "::ffff:10.1.2.3": true,
		"64:ff9b::a01:203": true, "8.8.8.8": false, "2606:4700::1111": false, "127.0.0.1": false, "::1": false,
	} {
		if got := isPrivate(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestDialErrorsOfPrivateAddressesLookAlike(t *testing.T) {
	const loopback = "127.0.0.1" // stands for a private address, which not every machine has
	closed := net.JoinHostPort(loopback, closedPort(t, loopback))
	after := 50 * time.Millisecond
	dialer := Egress{AllowLoopback: true}.Dialer(2 * after)
	if !dialer.private(netip.MustParseAddr("10.1.2.3")) || dialer.private(netip.MustParseAddr("8.8.8.8")) {
		t.Error("errors of other addresses than private ones are concealed")
	}
	dialer.private = netip.Addr.IsLoopback
	_, refused := dialer.DialContext(t.Context(), "tcp", closed)
	_, filtered := dialer.DialContext(t.Context(), "tcp", silentPort(t, loopback))
	for name, err := range map[string]error{"refused": refused, "filtered": filtered} {
		p := ToProblem(err, "host:80", Fields{})
		if !errors.Is(err, errNotConnected) || p.Reason != v1alpha1.ReasonUnreachable || !strings.Contains(p.Message, "the port is closed, or") ||
			strings.Contains(p.Error(), "refused") {
			t.Errorf("%s: %v, %v", name, err, p)
		}
	}
	detailing := Egress{AllowLoopback: true, DetailedDialErrors: true}.Dialer(2 * time.Second)
	detailing.private = netip.Addr.IsLoopback
	_, detailed := detailing.DialContext(t.Context(), "tcp", closed)
	if errors.Is(detailed, errNotConnected) || !strings.Contains(fmt.Sprint(detailed), "refused") {
		t.Errorf("detailed: %v", detailed)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dialer.DialContext(ended, "tcp", closed); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that ended: %v", err)
	}
}

// silentPort is an address whose port does not answer to new connections, as if a firewall dropped their packets: its queue is full.
func silentPort(t *testing.T, host string) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := errors.Join(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: netip.MustParseAddr(host).As4()}),
		syscall.Listen(socket, 0)); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(host, strconv.Itoa(bound.(*syscall.SockaddrInet4).Port))
	for range 8 { // the first ones fill the queue
		conn, err := (&net.Dialer{Timeout: 200 * time.Millisecond}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the queue of the port does not fill")
	return ""
}

func closedPort(t *testing.T, host string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestAClientCallsAllowedHostsOnly(t *testing.T) {
	for host, message := range map[string]string{
		"169.254.169.254": "metadata address, which is never called; check spec.url", "0xa9fea9fe": "neither a full IP address",
		"vault.team": "not allowed by backends.egress in the manager's configuration; check spec.url",
	} {
		endpoint := Endpoint{URL: "http://" + host, Fields: Fields{URL: "spec.url"}}
		egress := Egress{DeniedHosts: []string{"vault.*"}}
		client, err := NewClient(endpoint, Options{Egress: egress})
		if err != nil {
			t.Fatal(err)
		}
		_, checked := CheckURL(endpoint, egress)
		for _, err := range []error{client.JSON(t.Context(), Request{Path: "/"}, nil), checked} {
			if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonEgressDenied || !strings.Contains(p.Message, message) {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
}

func TestAPathDoesNotLeadOutOfTheEndpoint(t *testing.T) {
	client, err := NewClient(Endpoint{URL: "http://elasticsearch.team:9200/prefix", Fields: Fields{URL: "spec.url"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for path, accepted := range map[string]bool{"/logs-*,..a/_search": true, "/../admin": false, "/a/..": false, "/./a": false, "/..": false} {
		_, err := client.request(t.Context(), Request{Path: path})
		if p := problem.As(err); (err == nil) != accepted || p != nil && p.Reason != v1alpha1.ReasonInvalidSpec {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPolicyBlocksDenyWhatTheRulesDeny(t *testing.T) {
	for name, egress := range map[string]Egress{
		"default": {}, "denied": {Denied: prefixes("10.96.0.0/12", "2001:db8::/32")}, "allowed": {Allowed: prefixes("10.0.0.0/8", "169.254.1.0/24", "fd00::/8")},
		"hosts": {Allowed: prefixes("10.0.0.0/8"), AllowedHosts: []string{"api.openai.com"}},
	} {
		blocks := egress.PolicyBlocks()
		open := func(ip netip.Addr) bool {
			return slices.ContainsFunc(blocks, func(b PolicyBlock) bool {
				return b.CIDR.Contains(ip) && !slices.ContainsFunc(b.Except, func(p netip.Prefix) bool { return p.Contains(ip) })
			})
		}
		for _, block := range blocks {
			for _, except := range block.Except {
				if !contains(block.CIDR, except) || except.Masked() != except {
					t.Errorf("%s: %s is not a part of %s", name, except, block.CIDR)
				}
			}
		}
		for _, address := range append(metadataSpellings(), "10.1.2.3", "10.96.0.1", "64:ff9b::a60:1", "8.8.8.8", "2606:4700::1", "2001:db8::1", "fd00::1") {
			ip, err := netip.ParseAddr(address)
			local := err == nil && netip.MustParsePrefix("64:ff9b:1::/48").Contains(ip)
			if err != nil || ip.Zone() != "" || ip.Is4In6() || local || strings.Contains(address, ":5efe:") {
				continue // not on the wire, or not to be told by a prefix
			}
			judged := egress
			if len(egress.AllowedHosts) > 0 { // a policy cannot name hosts
				judged = Egress{Denied: egress.Denied}
			}
			if allowed := judged.allows(ip, false) == nil; allowed != open(ip) {
				t.Errorf("%s: %s: allowed by the rules %v, by the policy %v", name, ip, allowed, open(ip))
			}
		}
	}
}

func FuzzNoHostLeadsToADeniedAddress(f *testing.F) {
	for _, host := range append(metadataSpellings(), "prometheus.monitoring", "10.0.0.1", "bücher.example") {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if (Egress{}).CheckHost(host) != nil {
			return
		}
		ip, err := netip.ParseAddr(host)
		if err != nil {
			name, err := hostName(host)
			if err != nil || name == "" || strings.HasSuffix(name, ".") || !isASCII(name) || strings.ToLower(name) != name {
				t.Fatalf("%q is allowed as the name %q: %v", host, name, err)
			}
			if last := name[strings.LastIndexByte(name, '.')+1:]; isNumber(last) {
				t.Fatalf("%q ends in a number", host)
			}
			if again, err := hostName(name); err != nil || again != name {
				t.Fatalf("%q is %q, then %q: %v", host, name, again, err)
			}
			return
		}
		for _, judged := range append(Embedded(ip), ip.Unmap().WithZone("")) {
			for _, prefix := range DeniedPrefixes() {
				if prefix.Contains(judged) {
					t.Fatalf("%q leads to %s", host, judged)
				}
			}
		}
	})
}

func FuzzAnEmbeddedAddressIsJudgedAsItself(f *testing.F) {
	f.Add([]byte{169, 254, 169, 254})
	f.Add([]byte{8, 8, 8, 8})
	f.Add([]byte{10, 96, 0, 1})
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) != 4 {
			return
		}
		v4 := netip.AddrFrom4([4]byte(content))
		egress := Egress{Denied: prefixes("10.96.0.0/12")}
		denied := egress.allows(v4, false) != nil
		for _, form := range []string{"::ffff:%s", "64:ff9b::%s", "::ffff:0:%s", "2001:db8::5efe:%s"} {
			ip := netip.MustParseAddr(fmt.Sprintf(form, v4))
			if got := egress.allows(ip, false) != nil; got != denied {
				t.Errorf("%s: denied %v, as IPv4 %v", ip, got, denied)
			}
		}
		if six := embed("2002::", 2, netip.PrefixFrom(v4, 32)).Addr(); egress.allows(six, false) != nil != denied {
			t.Errorf("%s is judged differently from %s", six, v4)
		}
	})
}
