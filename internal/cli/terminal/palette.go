package terminal

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

// Palette colors text on terminals.
type Palette struct{ On bool }

func (c Palette) paint(code, text string) styled {
	text = printable.Line(text)
	if !c.On {
		return styled(text)
	}
	return styled("\033[" + code + "m" + text + "\033[0m")
}

// Bold text.
func (c Palette) Bold(text string) styled { return c.paint("1", text) }

// Dim text is of less weight.
func (c Palette) Dim(text string) styled { return c.paint("2", text) }

// Severity colors a text by a severity.
func (c Palette) Severity(s v1alpha1.Severity, text string) styled {
	switch s {
	case v1alpha1.SeverityCritical:
		return c.paint("1;31", text)
	case v1alpha1.SeverityHigh:
		return c.paint("31", text)
	case v1alpha1.SeverityMedium:
		return c.paint("33", text)
	default:
		return c.paint("36", text)
	}
}

// styled is text that a palette has made printable and colored.
type styled string
