// Package visual makes what others show KubeOps' data with: Grafana dashboards and data sources, and the alerting rules for
// KubeOps itself. Everything here is a pure function; files and objects are written by those who call it.
package visual

import (
	"encoding/json"
	"fmt"
)

// Dashboard of Grafana, in the part of its JSON model that is used here. Written for schema version 39 (Grafana 10 and newer,
// which migrate it).
type Dashboard struct {
	// Name of the file, and the uid, by which a link finds it and an upgrade replaces it.
	Name string
	// Title and Description for people.
	Title, Description string
	// Variables besides the data source.
	Variables []Variable
	// Rows from top to bottom.
	Rows []Row
}

// Variable of a dashboard, filled from a label.
type Variable struct {
	Name, Label string
	// Query of label values, for example label_values(kube_pod_info, namespace).
	Query string
}

// Row of panels under a title; the panels share its width.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel shows one or more expressions.
type Panel struct {
	Title string
	// Meaning is shown when the mouse is over the panel's i.
	Meaning string
	// Kind is timeseries, stat, bargauge or table.
	Kind string
	// Unit as Grafana names it: short, percentunit, bytes, s, reqps.
	Unit string
	// Queries, each with its legend.
	Queries []Query
	// Red is the value from which on it is red, Green reports that it is red below it; zero colours nothing.
	Red float64
	// LowIsBad turns the colours around.
	LowIsBad bool
	// Max of the axis; zero lets Grafana choose.
	Max float64
}

// Query in PromQL with its legend.
type Query struct{ Expression, Legend string }

const gridWidth, panelHeight = 24, 8

// JSON of a dashboard, as Grafana imports it. The same dashboard gives the same bytes.
func (d Dashboard) JSON() ([]byte, error) {
	content, err := json.MarshalIndent(d.model(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", d.Name, err)
	}
	return append(content, '\n'), nil
}

// Expressions of all panels.
func (d Dashboard) Expressions() []string {
	var all []string
	for _, row := range d.Rows {
		for _, panel := range row.Panels {
			for _, query := range panel.Queries {
				all = append(all, query.Expression)
			}
		}
	}
	return all
}

type object = map[string]any

func (d Dashboard) model() object {
	return object{
		"uid": "kubeops-" + d.Name, "title": d.Title, "description": d.Description, "tags": []string{"kubeops"},
		"schemaVersion": 39, "editable": true, "graphTooltip": 1, "refresh": "1m", "timezone": "",
		"time": object{"from": "now-6h", "to": "now"}, "templating": object{"list": d.variables()}, "panels": d.panels(),
		"annotations": object{"list": []object{}}, "links": []object{},
	}
}

func (d Dashboard) variables() []object {
	list := []object{{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1,
	}}
	for _, v := range d.Variables {
		list = append(list, object{
			"name": v.Name, "label": v.Label, "type": "query", "datasource": source(), "refresh": 2, "sort": 1,
			"query": object{"query": v.Query, "refId": v.Name}, "definition": v.Query,
			"multi": true, "includeAll": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"},
		})
	}
	return list
}

func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

func (d Dashboard) panels() []object {
	var list []object
	id, y := 0, 0
	for _, row := range d.Rows {
		id++
		list = append(list, object{
			"id": id, "type": "row", "title": row.Title, "collapsed": false, "panels": []object{},
			"gridPos": object{"x": 0, "y": y, "w": gridWidth, "h": 1},
		})
		y++
		height := row.height()
		width := gridWidth / max(len(row.Panels), 1)
		for n, panel := range row.Panels {
			id++
			model := panel.model()
			model["id"] = id
			model["gridPos"] = object{"x": n * width, "y": y, "w": width, "h": height}
			list = append(list, model)
		}
		y += height
	}
	return list
}

// height of a row of single numbers is half of that of graphs.
func (r Row) height() int {
	for _, panel := range r.Panels {
		if panel.Kind != "stat" {
			return panelHeight
		}
	}
	return panelHeight / 2
}

func (p Panel) model() object {
	targets := make([]object, len(p.Queries))
	for i, query := range p.Queries {
		targets[i] = object{
			"refId": string(rune('A' + i)), "expr": query.Expression, "legendFormat": query.Legend, "datasource": source(),
			"instant": p.Kind != "timeseries", "range": p.Kind == "timeseries", "format": p.format(),
		}
	}
	defaults := object{"unit": p.Unit, "min": 0, "color": object{"mode": "palette-classic"}}
	if p.Kind != "timeseries" && p.Red > 0 {
		defaults["color"] = object{"mode": "thresholds"}
		defaults["thresholds"] = p.thresholds()
	}
	if p.Max > 0 {
		defaults["max"] = p.Max
	}
	return object{
		"type": p.Kind, "title": p.Title, "description": p.Meaning, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}}, "options": p.options(),
		"transformations": p.transformations(),
	}
}

func (p Panel) format() string {
	if p.Kind == "table" {
		return "table"
	}
	return "time_series"
}

func (p Panel) thresholds() object {
	first, then := "green", "red"
	if p.LowIsBad {
		first, then = "red", "green"
	}
	return object{"mode": "absolute", "steps": []object{{"color": first, "value": nil}, {"color": then, "value": p.Red}}}
}

func (p Panel) options() object {
	reduce := object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	switch p.Kind {
	case "stat":
		return object{"reduceOptions": reduce, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
	case "bargauge":
		return object{"reduceOptions": reduce, "displayMode": "basic", "orientation": "horizontal"}
	case "table":
		return object{"showHeader": true, "sortBy": []object{{"displayName": "Value", "desc": true}}}
	}
	return object{
		"legend": object{
			"displayMode": "list",
			"placement":   "bottom",
			"showLegend":  true,
		}, "tooltip": object{"mode": "multi", "sort": "desc"},
	}
}

// transformations drop the column that says when: a table shows what holds now.
func (p Panel) transformations() []object {
	if p.Kind != "table" {
		return []object{}
	}
	return []object{{"id": "organize", "options": object{"excludeByName": object{"Time": true}}}}
}
