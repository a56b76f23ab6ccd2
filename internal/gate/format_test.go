package gate

import "testing"

func TestCardFree(t *testing.T) {
	judge := cardFree().Validate
	for text, free := range map[string]bool{
		"": true, "Jaap Stam": true, "Ayu 2": true, "Jalan Kenanga 7 no. 12, RT 003/RW 004": true,
		"4000000000001091": false, "4000 0000 0000 1091": false, "Jaap 5454-5454-5454-5454 Stam": false, "4000.0000.0000.1091": false,
		"４０００ ０００００００ ０１０９１": false, "12345678901": true, "123456789012": false,
	} {
		if err := judge(text); (err == nil) != free {
			t.Errorf("%q: %v", text, err)
		}
	}
	if judge(12) != nil || judge(nil) != nil {
		t.Error("what is no text is the type's to judge")
	}
}
