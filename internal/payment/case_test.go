package payment

import "testing"

func TestChangesJoinIntoOneCommit(t *testing.T) {
	c := caseIn(Challenging)
	dropped, err := Apply(c, eventOf(Drop))
	if err != nil {
		t.Fatal(err)
	}
	c = c.After(dropped)
	c.Request = &Request{ID: "pr-2", Token: "pt-1", Expires: noon.Add(AttemptLife)}
	submitted, err := Apply(c, eventOf(Submit))
	if err != nil {
		t.Fatal(err)
	}
	all := dropped.Then(submitted)
	if len(all.Requests) != 2 || all.Requests[0].State != Canceled || all.Requests[1].State != Submitted {
		t.Errorf("requests %+v", all.Requests)
	}
	if all.Session.Open != "pr-2" {
		t.Errorf("the session is open for %q", all.Session.Open)
	}
	if len(all.Effects) != len(dropped.Effects)+len(submitted.Effects) {
		t.Errorf("effects %v", all.Effects)
	}
}
