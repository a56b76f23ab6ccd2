package gate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"reprise/internal/payment"
)

//go:embed web/reference.html web/reference.css
var web embed.FS

// Sample is what the examples of the reference page are written for, so that they can be pasted.
type Sample struct {
	URL                  string // of the API
	SecretKey, PublicKey string // of a sandbox; elsewhere words that stand for one's own
}

// Reference serves the contract as a page to read: no script, nothing from elsewhere. It is made when it is first
// asked for. Mount it at "GET /docs".
func (g *Gate) Reference(sample Sample) http.Handler {
	made := sync.OnceValues(func() (referencePage, error) { return g.contract.page(sample) })
	return g.Guard("GET /docs", func(w http.ResponseWriter, r *http.Request) error {
		page, err := made()
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", page.policy)
		h.Set("Referrer-Policy", "no-referrer")
		_, _ = w.Write(page.html) // a caller who went away is not our failure
		return nil
	})
}

// referencePage is the page, and what it may load.
type referencePage struct {
	html   []byte
	policy string
}

func (c *contract) page(sample Sample) (referencePage, error) {
	style, err := web.ReadFile("web/reference.css")
	if err != nil {
		return referencePage{}, err
	}
	page, err := template.ParseFS(web, "web/reference.html")
	if err != nil {
		return referencePage{}, err
	}
	shown := c.reference(sample)
	shown.Style = template.CSS(style)
	var html bytes.Buffer
	if err := page.Execute(&html, shown); err != nil {
		return referencePage{}, err
	}
	sum := sha256.Sum256(style)
	return referencePage{html: html.Bytes(), policy: strings.Join([]string{
		"default-src 'none'", "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "img-src data:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")}, nil
}

// reference is what the page shows.
type reference struct {
	Style       template.CSS
	Title, Text string
	Groups      []group
	General     []coded
	Objects     []described
	Headers     []field // of every event
	Events      []described
	Own         []group // of the contract, and not for merchants
}

// group is a tag with its operations.
type group struct {
	Name, Text string
	Operations []documented
	Objects    []described // what only these operations answer, where they stand apart
}

// documented is an operation as the page shows it.
type documented struct {
	ID, Method, Path, Summary, Text string
	Key                             string // which one it takes, in words
	Parameters                      []field
	Body                            *described
	Examples                        []sampled
	Answers                         []answers
	Codes                           []coded
}

// described is a schema as the page shows it.
type described struct {
	ID, Name, Text string
	Fields         []field
	Conditions     []string
}

// sampled is an example as one would type it.
type sampled struct{ Summary, Curl string }

// answers is an answer that does not refuse. Object names where its fields are described.
type answers struct {
	Status, Text, Object string
}

// coded is an error code with its HTTP status.
type coded struct {
	Status int
	Code   string
}

func (c *contract) reference(sample Sample) *reference {
	text := func(pointer string) string { s, _ := c.at(pointer).(string); return s }
	page := &reference{
		Title: text("/info/title"), Text: text("/info/description"), General: codedOf(c.codes),
	}
	patterns := list(c.operations)
	slices.SortFunc(patterns, func(a, b string) int {
		return cmp.Compare(c.lines[c.operations[a].at], c.lines[c.operations[b].at])
	})
	objects := map[string]bool{}
	tags, _ := c.at("/tags").([]any)
	for i := range tags {
		at := fmt.Sprintf("/tags/%d", i)
		g := group{Name: text(at + "/name"), Text: text(at + "/description")}
		internal := c.at(at+"/x-internal") == true
		shown := &page.Objects
		if internal {
			shown = &g.Objects
		}
		for _, pattern := range patterns {
			if op := c.operations[pattern]; text(op.at+"/tags/0") == g.Name {
				d := c.documented(op, sample)
				for _, a := range d.Answers {
					if a.Object != "" && !objects[a.Object] {
						objects[a.Object] = true
						*shown = append(*shown, c.describe("/components/schemas/"+a.Object, a.Object))
					}
				}
				g.Operations = append(g.Operations, d)
			}
		}
		if internal {
			page.Own = append(page.Own, g)
		} else {
			page.Groups = append(page.Groups, g)
		}
	}
	for _, kind := range c.inOrder("/webhooks") {
		at := "/webhooks/" + escape(kind) + "/post"
		event := c.describe(at+"/requestBody/content/application~1json/schema", kind)
		event.Text = text(at + "/summary")
		page.Events = append(page.Events, event)
		page.Headers = c.parameters(at, c.webhooks[payment.NoticeKind(kind)].headers)
	}
	return page
}

func (c *contract) describe(pointer, name string) described {
	text, _ := c.at(c.follow(pointer) + "/description").(string)
	return described{ID: name, Name: name, Text: text, Fields: c.fields(pointer, ""), Conditions: c.conditions(pointer, "")}
}

func (c *contract) documented(op *operation, sample Sample) documented {
	node := object(c.at(op.at))
	d := documented{Codes: codedOf(op.codes)}
	d.Method, d.Path, _ = strings.Cut(op.pattern, " ")
	d.ID, _ = node["operationId"].(string)
	d.Summary, _ = node["summary"].(string)
	d.Text, _ = node["description"].(string)
	switch op.kind {
	case payment.Secret:
		d.Key = fmt.Sprintf("A secret key with the permission to %s %s.", strings.ToLower(string(op.access)), op.product)
	case payment.Public:
		d.Key = "A public key."
	default:
		d.Key = "No key: the path cannot be guessed."
	}
	d.Parameters = c.parameters(op.at, op.parameters)
	if op.body != nil {
		body := c.describe(op.bodyAt, "")
		d.Body = &body
		examples := strings.TrimSuffix(op.bodyAt, "/schema") + "/examples"
		for _, name := range c.inOrder(examples) {
			at := examples + "/" + escape(name)
			summary, _ := c.at(at + "/summary").(string)
			d.Examples = append(d.Examples, sampled{summary, c.curl(op, sample, c.ordered(at+"/value", ""))})
		}
	} else {
		d.Examples = []sampled{{"", c.curl(op, sample, "")}}
	}
	for _, status := range c.inOrder(op.at + "/responses") {
		if status == "default" {
			continue
		}
		at := c.follow(op.at + "/responses/" + status)
		a := answers{Status: status}
		a.Text, _ = c.at(at + "/description").(string)
		if ref, ok := c.at(at + "/content/application~1json/schema/$ref").(string); ok {
			a.Object = strings.TrimPrefix(ref, "#/components/schemas/")
		}
		d.Answers = append(d.Answers, a)
	}
	return d
}

// parameters are those of what stands at a pointer, as the page shows them.
func (c *contract) parameters(pointer string, all []parameter) (shown []field) {
	for i, p := range all {
		at := c.follow(fmt.Sprintf("%s/parameters/%d", pointer, i))
		f := c.field(at+"/schema", p.name)
		f.Required = p.required
		if text, ok := c.at(at + "/description").(string); ok {
			f.Text = text
		}
		f.Type += " in the " + p.in
		shown = append(shown, f)
	}
	return shown
}

func codedOf(codes []string) []coded {
	all := make([]coded, len(codes))
	for i, code := range codes {
		all[i] = coded{statuses[code], code}
	}
	slices.SortStableFunc(all, func(a, b coded) int { return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code)) })
	return all
}

// curl is a request as one would type it into a shell.
func (c *contract) curl(op *operation, sample Sample, body string) string {
	method, path, _ := strings.Cut(op.pattern, " ")
	query := url.Values{}
	for i, p := range op.parameters {
		example := c.at(c.follow(fmt.Sprintf("%s/parameters/%d", op.at, i)) + "/example")
		switch {
		case example == nil:
		case p.in == "path":
			path = strings.ReplaceAll(path, "{"+p.name+"}", fmt.Sprint(example))
		case p.in == "query":
			query.Set(p.name, fmt.Sprint(example))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	line := "curl"
	if method != http.MethodGet && (body == "" || method != http.MethodPost) {
		line += " -X " + method
	}
	if key := map[payment.KeyKind]string{payment.Secret: sample.SecretKey, payment.Public: sample.PublicKey}[op.kind]; key != "" {
		line += " -u " + quote(key+":")
	}
	line += " " + quote(sample.URL+path)
	if body != "" {
		line += " \\\n  -H 'content-type: application/json' -d " + quote(body)
	}
	return line
}

// quote makes one word of a text for a shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
