package cluster

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// openShop makes a merchant as an operator does, by commands, and stores cards as customers do.
func (s *site) openShop(seed uint64) *shop {
	s.t.Helper()
	business := strings.TrimSpace(s.office("merchant", "create", "--name", "Toko Buku", "--city", "Bandung", "--country", "ID",
		"--mcc", "5942", "--website", "https://toko.example", "--acquirer-bin", "400551", "--merchant-id", "TOKO00000000001",
		"--terminal-id", "TOKO0001", "--allow-skip-three-ds", "--reuse-customers", "--max-declines", "1000"))
	key := func(more ...string) string {
		return strings.TrimSpace(s.office(append([]string{"keys", "create", "--merchant", business, "--production"}, more...)...))
	}
	sh := &shop{
		client: newClient(s.balancer.url, s.world.papers), secret: key(), public: key("--public"), back: "https://toko.example",
		chance: rand.New(rand.NewPCG(seed, 1)), cvns: rand.New(rand.NewPCG(seed, 3)).Perm(998)[:499], // 998 and 999 do not match
	}
	s.office("webhook", "add", s.hook.url, "--merchant", business, "--keys", s.path("keys.json"), "--allow", "127.0.0.0/8")

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Many, because a card is tried five times a day at most where nobody knows what came of it.
	numbers := []string{
		"4000000000001091", "4000000000002503", "4440000009900010", "4200350000000801", "5200000000001096", "5200000000002151",
		"5123450000000008", "5413530000000501", "3337000000000008", "3337000000200004",
	}
	for range 30 {
		numbers = append(numbers, sh.number())
	}
	for _, number := range numbers {
		challenge := !strings.HasPrefix(number, "4276")
		o := sh.order("card saved")
		if !sh.opened(ctx, o, sh.saving(o)) || sh.submit(ctx, o, typedCard(o.session, number, sh.cvn()), &payer{codes: []string{rightCode}}) != "succeeded" {
			s.t.Fatalf("no card could be stored: %s", strings.Join(o.history, "\n"))
		}
		session, err := sh.read(ctx, "/sessions/"+o.session)
		if err != nil {
			s.t.Fatal(err)
		}
		sh.cards = append(sh.cards, storedCard{text(session, "payment_token_id"), challenge})
	}
	return sh
}
