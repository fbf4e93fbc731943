from mamebert.errors import printable


def test_a_message_holds_no_orders_to_the_terminal_and_no_word_without_end():
    told = printable("model\x1b[2J is a\u202egpj.\udc80 " + "A" * 10**6 + ".\nGive another: 日本\u3000語.")
    assert told == r"model\x1b[2J is a\u202egpj.\udc80 " + "A" * 200 + "...\nGive another: 日本\u3000語."
