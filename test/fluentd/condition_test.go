package fluentd

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// told is how long a change in what a server accepts may take until the condition says it: an interval of the readings, and the time of a
// busy machine to send, to read and to write.
const told = meter.Interval + 20*time.Second

// block an index of Elasticsearch for writing, as the server does itself when its disk is almost full, or remove the block.
func block(t *testing.T, es, index string, blocked bool) {
	t.Helper()
	body := fmt.Sprintf(`{"index.blocks.write":%t}`, blocked)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, es+"/"+index+"/_settings", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("block: %s", response.Status)
	}
}

// From a line in a file, through a real Fluentd with what the manager delivered, to a real Elasticsearch, and back to the condition that the
// manager reads from that Fluentd.
func TestWhatAServerRefusesIsToldUntilItAccepts(t *testing.T) {
	t.Parallel()
	es, _ := servers.Elasticsearch(t, servers.ElasticsearchOptions{})
	refusals(t, newCluster(t), es)
}

func refusals(t *testing.T, c *cluster, es string) {
	t.Helper()
	mapping, blocked := c.collecting("mapping", es), c.collecting("blocked", es)
	node := c.node(2)
	node.pods.add("mapping", "web", nil)
	node.pods.add("blocked", "web", nil)
	toMapping, toBlocked := node.file("mapping", "web"), node.file("blocked", "web")
	counts := func(sent, refused int64) func(*v1alpha1.CollectionCounts) bool {
		return func(c *v1alpha1.CollectionCounts) bool {
			return c.Sent == sent && c.Refused == refused && c.Dropped == 0 && c.Collectors == 1 && c.Unread == 0
		}
	}
	toMapping.raw("F", `{"message":"a","code":17}`)
	toBlocked.raw("F", `{"message":"a"}`)
	c.condition(mapping, 2*told, metav1.ConditionTrue, v1alpha1.ReasonCollecting, counts(1, 0))
	c.condition(blocked, 2*told, metav1.ConditionTrue, v1alpha1.ReasonCollecting, counts(1, 0))

	block(t, es, "blocked", true)
	toMapping.raw("F", `{"message":"password=hunter2","code":{"password":"hunter2"}}`)
	toMapping.raw("F", `{"message":"b","code":18}`)
	toBlocked.raw("F", `{"message":"b"}`)
	refused := time.Now()
	one, _ := c.condition(mapping, told, metav1.ConditionFalse, v1alpha1.ReasonLinesRefused, counts(2, 1))
	if !strings.Contains(one.Message, "(mapper_parsing_exception)") || strings.Contains(one.Message, "hunter2") {
		t.Errorf("got %q", one.Message)
	}
	one, _ = c.condition(blocked, told, metav1.ConditionFalse, v1alpha1.ReasonLinesRefused, counts(1, 1))
	if !strings.Contains(one.Message, "(cluster_block_exception)") {
		t.Errorf("got %q", one.Message)
	}

	// A server that refused every line accepts them again.
	block(t, es, "blocked", false)
	toBlocked.raw("F", `{"message":"c"}`)
	c.condition(blocked, told, metav1.ConditionTrue, v1alpha1.ReasonCollecting, counts(2, 1))
	// One that refuses some lines is believed when it refused none for some time.
	toMapping.raw("F", `{"message":"c","code":19}`)
	c.condition(mapping, meter.Quiet+told, metav1.ConditionTrue, v1alpha1.ReasonCollecting, counts(3, 1))
	if quiet := time.Since(refused); quiet < meter.Quiet-meter.Interval {
		t.Errorf("the condition recovered after %s", quiet)
	}
}
