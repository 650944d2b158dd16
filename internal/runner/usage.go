package runner

import (
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/sizing"
	"kubeops.io/kubeops/internal/inspect/usage"
)

// usageOptions say how usage is read, over the defaults of the stage.
func usageOptions(spec *v1alpha1.UsageSettings) usage.Options {
	if spec == nil {
		return usage.Options{}
	}
	options := usage.Options{MatchLabels: spec.MatchLabels}
	if spec.Window != nil {
		options.Window = spec.Window.Duration
	}
	return options
}

// sizes sets margins and prices, over the defaults.
func sizes(spec *v1alpha1.UsageSettings, p *check.Params) {
	if spec == nil {
		return
	}
	if spec.CPUMargin != nil {
		p.Margins.CPU = int64(*spec.CPUMargin)
	}
	if spec.MemoryMargin != nil {
		p.Margins.Memory = int64(*spec.MemoryMargin)
	}
	if prices := spec.Prices; prices != nil {
		p.Prices = sizing.Prices{Core: millionths(prices.CPUCoreHour), GiB: millionths(prices.MemoryGiBHour), Currency: prices.Currency}
	}
}

// millionths of a decimal number with up to six digits behind the point, as the schema lets it through; 0 for anything else.
func millionths(number string) int64 {
	whole, fraction, _ := strings.Cut(number, ".")
	if len(fraction) > 6 {
		return 0
	}
	value, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil {
		return 0
	}
	return max(0, value)
}
