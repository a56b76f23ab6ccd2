package app

import (
	"context"
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
	p.size(1280, 900)
	p.do(chromedp.Click(css(`nav a[href="#createSession"]`)))
	p.until(`document.querySelector("article:target")?.id === "createSession" && document.querySelector("article:target").getBoundingClientRect().top < innerHeight`)
	p.shoot("reference-operation")
	p.open(w.PublicURL + "/docs#Session")
	p.until(`document.querySelector("article:target")?.id === "Session"`)
	p.size(360, 740)
	p.shoot("reference-object")
	p.open(w.PublicURL + "/docs")
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	p.until(`location.hash === "#content"`)
	if example := p.read(`document.querySelector("#createSession pre").textContent`); !strings.Contains(example, w.PublicURL+"/sessions") || !strings.Contains(example, SandboxSecretKey) {
		t.Errorf("the example of a sandbox cannot be pasted: %s", example)
	}
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
