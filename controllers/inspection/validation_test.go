package inspection

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestTheAPIServerRefusesWhatCannotBeMeant(t *testing.T) {
	w := newWorld(t)
	duration := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	good := v1alpha1.IgnoreRule{Check: "pod-*", Reason: "known"}
	for name, tc := range map[string]struct {
		spec v1alpha1.InspectionSpec
		want string // part of the refusal; empty means accepted
	}{
		"empty":                                  {},
		"five fields":                            {spec: v1alpha1.InspectionSpec{Schedule: "30 6 * * 1-5", TimeZone: "Europe/Berlin"}},
		"a descriptor":                           {spec: v1alpha1.InspectionSpec{Schedule: "@every 5m"}},
		"four fields":                            {v1alpha1.InspectionSpec{Schedule: "30 6 * *"}, "five fields"},
		"a zone in the schedule":                 {v1alpha1.InspectionSpec{Schedule: "CRON_TZ=UTC 30 6 * * *"}, "must not contain a time zone"},
		"a zone without a schedule":              {v1alpha1.InspectionSpec{TimeZone: "UTC"}, "timeZone requires schedule"},
		"an ignore rule":                         {spec: v1alpha1.InspectionSpec{Ignore: []v1alpha1.IgnoreRule{good}}},
		"one rule with and one without a reason": {v1alpha1.InspectionSpec{Ignore: []v1alpha1.IgnoreRule{good, {Check: "x"}}}, "reason"},
		"one rule that would hide everything":    {v1alpha1.InspectionSpec{Ignore: []v1alpha1.IgnoreRule{good, {Reason: "all"}}}, "at least one of check, namespace and name"},
		"too many reports":                       {v1alpha1.InspectionSpec{KeepReports: 101}, "keepReports"},
		"a namespace twice":                      {v1alpha1.InspectionSpec{Namespaces: []string{"a", "a"}}, "Duplicate"},
		"an empty check among good ones":         {v1alpha1.InspectionSpec{Checks: &v1alpha1.CheckSelection{Include: []string{"pod-*", ""}}}, "include[1]"},
		"a timeout":                              {spec: v1alpha1.InspectionSpec{Timeout: duration(10 * time.Second)}},
		"a timeout that nothing can keep":        {v1alpha1.InspectionSpec{Timeout: duration(time.Second)}, "between 5s and 1h"},
		"a negative grace":                       {v1alpha1.InspectionSpec{Thresholds: &v1alpha1.Thresholds{StartupGrace: duration(-time.Second)}}, "between 0s and 24h"},
		"a window of nothing":                    {v1alpha1.InspectionSpec{Thresholds: &v1alpha1.Thresholds{RecentWindow: duration(0)}}, "between 1m and 168h"},
		"thresholds":                             {spec: v1alpha1.InspectionSpec{Thresholds: &v1alpha1.Thresholds{StartupGrace: duration(0), TerminatingGrace: duration(time.Hour)}}},
		"usage": {spec: v1alpha1.InspectionSpec{MetricsRef: &v1alpha1.LocalReference{Name: "m"}, Usage: &v1alpha1.UsageSettings{
			Window: duration(24 * time.Hour), CPUMargin: new(int32), Prices: &v1alpha1.UsagePrices{CPUCoreHour: "0.031", Currency: "EUR"}, MatchLabels: map[string]string{"cluster": "a b"},
		}}},
		"a window of usage without a busy hour": {v1alpha1.InspectionSpec{Usage: &v1alpha1.UsageSettings{Window: duration(time.Hour)}}, "between 24h and 720h"},
		"a margin below nothing":                {v1alpha1.InspectionSpec{Usage: &v1alpha1.UsageSettings{MemoryMargin: negative()}}, "memoryMargin"},
		"a price that is no number":             {v1alpha1.InspectionSpec{Usage: &v1alpha1.UsageSettings{Prices: &v1alpha1.UsagePrices{CPUCoreHour: "1e3", Currency: "EUR"}}}, "cpuCoreHour"},
		"prices without a currency":             {v1alpha1.InspectionSpec{Usage: &v1alpha1.UsageSettings{Prices: &v1alpha1.UsagePrices{MemoryGiBHour: "1"}}}, "currency"},
		"an analysis of logs by default":        {spec: v1alpha1.InspectionSpec{LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogAnalysis: &v1alpha1.LogAnalysis{}}},
		"an analysis of logs": {spec: v1alpha1.InspectionSpec{LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogAnalysis: &v1alpha1.LogAnalysis{
			Window: duration(10 * time.Minute), Baseline: duration(time.Hour), Namespaces: []string{"shop"},
		}}},
		"an analysis without logs":          {v1alpha1.InspectionSpec{LogAnalysis: &v1alpha1.LogAnalysis{}}, "requires logsRef"},
		"a window longer than its baseline": {v1alpha1.InspectionSpec{LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogAnalysis: &v1alpha1.LogAnalysis{Baseline: duration(30 * time.Minute)}}, "at least as long as window"},
		"a window of a second":              {v1alpha1.InspectionSpec{LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogAnalysis: &v1alpha1.LogAnalysis{Window: duration(time.Second)}}, "between 5m and 24h"},
		"too few lines":                     {v1alpha1.InspectionSpec{LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogAnalysis: &v1alpha1.LogAnalysis{MaxLines: new(int32)}}, "maxLines"},
		"a label that is none":              {v1alpha1.InspectionSpec{Usage: &v1alpha1.UsageSettings{MatchLabels: map[string]string{"a-b": "c"}}}, "Prometheus label names"},
		"continuous": {spec: v1alpha1.InspectionSpec{
			Mode: v1alpha1.ModeContinuous, MinInterval: duration(time.Minute), Schedule: "@daily", Namespaces: []string{"shop"},
		}},
		"an unknown mode":                {v1alpha1.InspectionSpec{Mode: "Sometimes"}, "mode"},
		"an interval without continuous": {v1alpha1.InspectionSpec{MinInterval: duration(time.Minute)}, "minInterval is for mode Continuous"},
		"an interval of a second":        {v1alpha1.InspectionSpec{Mode: v1alpha1.ModeContinuous, MinInterval: duration(time.Second)}, "between 10s and 24h"},
		"metrics of several clusters": {spec: v1alpha1.InspectionSpec{
			Clusters: &v1alpha1.ClusterSelection{Names: []string{"a"}}, MetricsRef: &v1alpha1.LocalReference{Name: "m"},
			Usage: &v1alpha1.UsageSettings{MatchLabels: map[string]string{"cluster": "$(cluster.labels.example.com/id)"}},
		}},
		"metrics of clusters that are not told apart": {v1alpha1.InspectionSpec{
			Clusters: &v1alpha1.ClusterSelection{Names: []string{"a"}}, MetricsRef: &v1alpha1.LocalReference{Name: "m"},
		}, "metricsRef with clusters requires usage.matchLabels"},
		"logs of several clusters": {spec: v1alpha1.InspectionSpec{
			Clusters: &v1alpha1.ClusterSelection{Names: []string{"a"}}, LogsRef: &v1alpha1.LocalReference{Name: "l"},
			LogLabels: map[string]string{"kubernetes.labels.cluster": "$(cluster.name)"}, LogAnalysis: &v1alpha1.LogAnalysis{},
		}},
		"logs of clusters that are not told apart": {v1alpha1.InspectionSpec{
			Clusters: &v1alpha1.ClusterSelection{Names: []string{"a"}}, LogsRef: &v1alpha1.LocalReference{Name: "l"},
		}, "logsRef with clusters requires logLabels"},
		"labels of logs without a backend": {v1alpha1.InspectionSpec{LogLabels: map[string]string{"a": "b"}}, "logLabels requires logsRef"},
		"a namespace as label of all logs": {v1alpha1.InspectionSpec{
			LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogLabels: map[string]string{"namespace": "b"},
		}, "other than namespace, pod"},
		"continuous with clusters":               {v1alpha1.InspectionSpec{Mode: v1alpha1.ModeContinuous, Clusters: &v1alpha1.ClusterSelection{Names: []string{"a"}}}, "are for mode Scheduled"},
		"continuous with metrics":                {v1alpha1.InspectionSpec{Mode: v1alpha1.ModeContinuous, MetricsRef: &v1alpha1.LocalReference{Name: "m"}}, "are for mode Scheduled"},
		"continuous with a glob among good ones": {v1alpha1.InspectionSpec{Mode: v1alpha1.ModeContinuous, Namespaces: []string{"a", "b-*"}}, "without globs"},
		"continuous with too many namespaces":    {v1alpha1.InspectionSpec{Mode: v1alpha1.ModeContinuous, Namespaces: strings.Split("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", ",")}, "at most 16"},
	} {
		t.Run(name, func(t *testing.T) {
			i := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: "v-"}, Spec: tc.spec}
			w.Validates(t, i, tc.want)
		})
	}
}

func TestAReportIsWrittenOnce(t *testing.T) {
	w := newWorld(t)
	finding := v1alpha1.Finding{
		ID: "a", Check: "c", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh, Message: "m",
		Object: v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p"},
	}
	report := &v1alpha1.InspectionReport{
		ObjectMeta: w.Meta("r"),
		Summary:    v1alpha1.ReportSummary{StartTime: metav1.NewTime(w.Clock.Now())},
		Findings:   []v1alpha1.Finding{finding},
	}
	w.Create(report)
	report.Labels = map[string]string{"team": "a"}
	if err := w.Client.Update(t.Context(), report); err != nil {
		t.Errorf("labels may change: %v", err)
	}
	report.Findings[0].Message = "another"
	if err := w.Client.Update(t.Context(), report); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("findings were changed: %v", err)
	}
	report.Findings[0].Message = "m"
	report.Summary.Score = new(int32(1))
	if err := w.Client.Update(t.Context(), report); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("the summary was changed: %v", err)
	}
	report.Summary.Score = nil
	report.Findings = nil
	if err := w.Client.Update(t.Context(), report); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("the findings were removed: %v", err)
	}
	report.Findings = []v1alpha1.Finding{finding}
	report.Gaps = []v1alpha1.Gap{{Cluster: "local", Source: "pods", Reason: "Forbidden", Message: "m"}}
	if err := w.Client.Update(t.Context(), report); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("a gap was added: %v", err)
	}
}

func negative() *int32 {
	n := int32(-1)
	return &n
}
