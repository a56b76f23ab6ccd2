package app

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func referenceVisits() visits {
	return visits{
		"read":               theReference,
		"without JavaScript": theReferenceWithoutJavaScript,
	}
}

// theReference is read on a telephone and on a desk, and gone through by links and by keyboard.
func theReference(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.open(w.PublicURL + "/docs")
	p.headline("The API of Reprise")
	p.accessible("reference")
	for _, width := range []int64{360, 1280} {
		p.size(width, 900)
		if p.read(`document.documentElement.scrollHeight < 20000`) != "true" {
			t.Errorf("%d px wide, the page cannot be looked over: it is %s px tall", width, p.read(`document.documentElement.scrollHeight`))
		}
		if p.read(`document.documentElement.scrollWidth <= innerWidth`) != "true" {
			t.Errorf("%d px wide, the page is wider: %s px", width, p.read(`document.documentElement.scrollWidth`))
		}
		p.shoot(fmt.Sprintf("reference-%d", width))
	}
	p.do(chromedp.Click(css(`nav a[href="#createSession"]`)))
	p.until(unfolded("createSession"))
	p.shoot("reference-operation")
	p.size(360, 740)
	p.open(w.PublicURL + "/docs#Session")
	p.until(unfolded("Session"))
	p.shoot("reference-object")
	p.open(w.PublicURL + "/docs")
	p.read(`document.querySelectorAll("details").forEach(d => d.open = true)`)
	p.accessible("reference-unfolded")
	p.open(w.PublicURL + "/docs")
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	p.until(`location.hash === "#content"`)
	if example := p.read(`document.querySelector("#createSession pre").textContent`); !strings.Contains(example, w.PublicURL+"/sessions") || !strings.Contains(example, SandboxSecretKey) {
		t.Errorf("the example of a sandbox cannot be pasted: %s", example)
	}
}

// unfolded says that what was linked to is open, and in sight.
func unfolded(id string) string {
	return `document.querySelector(":target")?.id === "` + id + `" && document.querySelector("details:has(:target)").open
		&& document.querySelector("details:has(:target) > summary").getBoundingClientRect().top >= 0
		&& document.querySelector("details:has(:target) > summary").getBoundingClientRect().top < innerHeight`
}

func theReferenceWithoutJavaScript(t *testing.T, browser context.Context) {
	w := openTown(t)
	p := w.visit(browser)
	p.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
	p.open(w.PublicURL + "/docs#errors")
	p.headline("The API of Reprise")
}
