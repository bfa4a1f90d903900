"""Text as a model writes it, and as a voice should say it."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.voice.spoken_forms import spoken
from agents.voice.spoken_forms.numbers import english, english_place, hindi, hindi_place

ENGLISH = [
    ("Call +91 98765 43210 now.", "Call plus nine one, nine eight seven six five, four three two one zero now."),
    ("Call 9876543210.", "Call nine eight seven six five, four three two one zero."),
    ("Dial 1800 123 4567", "Dial one eight zero zero, one two three, four five six seven"),
    ("022-2345 6789", "zero two two, two three four five, six seven eight nine"),
    ("Your OTP is 482913.", "Your OTP is four eight two, nine one three."),
    ("Your OTP is 4829.", "Your OTP is four eight two nine."),
    ("pin code 560001", "pin code five six zero, zero zero one"),
    ("SB-123456", "S B, one two three, four five six"),
    ("KA01AB1234", "K A, zero one, A B, one two three four"),
    ("agent 007", "agent zero zero seven"),
    ("It costs ₹1,25,000.", "It costs one lakh twenty-five thousand rupees."),
    ("Rs. 499.50 only", "four hundred ninety-nine rupees fifty paise only"),
    ("Rs 500/-", "five hundred rupees"),
    ("INR 2,000", "two thousand rupees"),
    ("₹1", "one rupee"),
    ("₹0.50", "fifty paise"),
    ("₹1.5 lakh", "one point five lakh rupees"),
    ("₹2 crore", "two crore rupees"),
    ("2-3 lakh rupees, or 2-3 lakh", "two to three lakh rupees, or two to three lakh"),
    ("Order #12345, flat #5", "Order number one two three four five, flat number five"),
    ("Dr.Rao Jr. is in", "Doctor Rao Junior is in"),
    ("until 3 Mar. We", "until third March. We"),
    ("₹500-1,000 per visit", "five hundred to one thousand rupees per visit"),
    ("500 rupees", "five hundred rupees"),
    ("$20", "twenty dollars"),
    ("$19.99", "nineteen dollars ninety-nine cents"),
    ("€1.5 million", "one point five million euros"),
    ("18% GST", "eighteen percent GST"),
    ("10-15%", "ten to fifteen percent"),
    ("on 2026-11-21", "on twenty-first November twenty twenty-six"),
    ("21/11/2026", "twenty-first November twenty twenty-six"),
    ("11/21/2026", "twenty-first November twenty twenty-six"),
    ("on 21 Nov", "on twenty-first November"),
    ("Nov 21, 2026", "twenty-first November twenty twenty-six"),
    ("10:30 AM", "ten thirty AM"),
    ("at 5 p.m. We close", "at five PM. We close"),
    ("14:30", "two thirty PM"),
    ("00:15", "twelve fifteen AM"),
    ("09:05", "nine oh five"),
    ("10 AM - 5 PM", "ten AM to five PM"),
    ("the 1st and the 22nd", "the first and the twenty-second"),
    ("rahul.sharma@example.com", "rahul dot sharma at example dot com"),
    ("rahul99_x@mail.example.co.in", "rahul nine nine underscore x at mail dot example dot co dot in"),
    ("https://www.example.com/book?x=1", "example dot com slash book"),
    ("see www.example.com.", "see example dot com."),
    ("5 km, or 1 km", "five kilometres, or one kilometre"),
    ("-5°C", "minus five degrees Celsius"),
    ("60 km/h", "sixty kilometres per hour"),
    ("Dr. Rao, e.g., or Mrs. Rao etc. We", "Doctor Rao, for example, or Missus Rao et cetera. We"),
    ("Tom & Jerry, 24/7", "Tom and Jerry, twenty-four seven"),
    ("2-3 days", "two to three days"),
    ("1,25,000 people", "one lakh twenty-five thousand people"),
    ("**Bold** and _it_ and `code`", "Bold and it and code"),
    ("# Title\n- one\n2. two", "Title\none\n2. two"),
    ("[Book here](https://example.com)", "Book here"),
    ("Hello 👋🏽 there 🙂", "Hello there"),
    ("<speak>Hi<break time='1s'/> there</speak>", "Hi there"),
    ("Sure [laughter] why not", "Sure why not"),
]

HINDI = [
    ("कॉल करें 98765 43210", "कॉल करें नौ आठ सात छह पाँच, चार तीन दो एक शून्य"),
    ("+919876543210 पर", "प्लस नौ एक, नौ आठ सात छह पाँच, चार तीन दो एक शून्य पर"),
    ("९८७६५४३२१०", "नौ आठ सात छह पाँच, चार तीन दो एक शून्य"),
    ("आपका OTP 482913 है", "आपका OTP चार आठ दो, नौ एक तीन है"),
    ("आपका ओटीपी है 4829", "आपका ओटीपी है चार आठ दो नौ"),
    ("₹1,25,000 लगेंगे", "एक लाख पच्चीस हज़ार रुपये लगेंगे"),
    ("₹१,२५,०००", "एक लाख पच्चीस हज़ार रुपये"),
    ("Rs. 499.50", "चार सौ निन्यानवे रुपये पचास पैसे"),
    ("₹1 ही", "एक रुपया ही"),
    ("₹1.5 लाख", "डेढ़ लाख रुपये"),
    ("₹2.5 crore", "ढाई करोड़ रुपये"),
    ("₹3.5 लाख", "साढ़े तीन लाख रुपये"),
    ("500 रुपये", "पाँच सौ रुपये"),
    ("रु. 250", "दो सौ पचास रुपये"),
    ("Aapka bill Rs 1,250 hai", "Aapka bill एक हज़ार दो सौ पचास रुपये hai"),
    ("$20", "बीस डॉलर"),
    ("18% GST lagega", "अठारह प्रतिशत GST lagega"),
    ("10-15% की छूट", "दस से पंद्रह प्रतिशत की छूट"),
    ("2.75%", "दो दशमलव सात पाँच प्रतिशत"),
    ("21/11/2026 को", "इक्कीस नवंबर दो हज़ार छब्बीस को"),
    ("1999-05-03", "तीन मई उन्नीस सौ निन्यानवे"),
    ("21 नवंबर 2026", "इक्कीस नवंबर दो हज़ार छब्बीस"),
    ("Appointment 21 Nov ko hai", "Appointment इक्कीस नवंबर ko hai"),
    ("सुबह 10:30 बजे", "सुबह साढ़े दस बजे"),
    ("10:30 AM", "सुबह साढ़े दस बजे"),
    ("1:30 PM", "दोपहर डेढ़ बजे"),
    ("शाम 5:45 PM", "शाम पौने छह बजे"),
    ("Kal 4:15 PM pe aaiye", "Kal शाम सवा चार बजे pe aaiye"),
    ("10:20 AM", "सुबह दस बजकर बीस मिनट"),
    ("14:30", "दोपहर ढाई बजे"),
    ("23:00", "रात ग्यारह बजे"),
    ("10 AM - 5 PM", "सुबह दस बजे से शाम पाँच बजे"),
    ("5वीं मंज़िल", "पाँचवीं मंज़िल"),
    ("2रा और 3रा", "दूसरा और तीसरा"),
    ("6ठा", "छठा"),
    ("1st floor", "पहला floor"),
    ("rahul@example.com", "rahul ऐट example डॉट com"),
    ("www.example.com/book", "example डॉट com स्लैश book"),
    ("5 km दूर", "पाँच किलोमीटर दूर"),
    ("5 कि.मी. दूर", "पाँच किलोमीटर दूर"),
    ("2.5 kg", "ढाई किलो"),
    ("40°C", "चालीस डिग्री सेल्सियस"),
    ("डॉ. राव", "डॉक्टर राव"),
    ("2-3 लाख", "दो से तीन लाख"),
    ("ऑर्डर #4521", "ऑर्डर नंबर चार पाँच दो एक"),
    ("2-3 दिन", "दो से तीन दिन"),
    ("24x7 खुला", "चौबीस सात खुला"),
    ("1,00,000 लोग", "एक लाख लोग"),
    ("**ज़रूर** 👍", "ज़रूर"),
    ("- पहला\n- दूसरा", "पहला\nदूसरा"),
]

PLAIN = [
    "I have 3 slots at 4.",
    "in 2026 we moved",
    "You may 5 times",
    "a < b and c > d",
    "2 * 3 * 4 = 24",
    "room 12 34 56",
    "COVID-19",
    "ISO 9001",
    "snake_case_name",
    "version v2.0.1",
    "It’s fine — really… “yes”!",
    "हाँ, बिल्कुल। आप कब आएँगे?",
    "Haan ji, main abhi check karta hoon.",
]


@pytest.mark.parametrize(("written", "said"), ENGLISH)
def test_english(written, said):
    assert spoken(written, "en-IN") == said


@pytest.mark.parametrize(("written", "said"), HINDI)
def test_hindi_and_hinglish(written, said):
    assert spoken(written, "hi") == said


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("language", ["en", "hi"])
def test_what_is_plain_stays_as_it_is(text, language):
    assert spoken(text, language) == text


@pytest.mark.parametrize(
    ("written", "language"),
    [(written, "en") for written, _ in ENGLISH] + [(written, "hi") for written, _ in HINDI],
)
def test_saying_it_twice_changes_nothing(written, language):
    once = spoken(written, language)

    assert spoken(once, language) == once


WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZéअआकखगमरलहािीुेो्ँं'", min_size=1, max_size=12)
SENTENCES = st.lists(WORDS, min_size=1, max_size=20).map(" ".join)
MARKS = st.sampled_from([".", ",", "?", "!", "।", ":", ";", " —", "…", ""])


@given(st.lists(st.tuples(SENTENCES, MARKS), min_size=1, max_size=4), st.sampled_from(["en", "hi"]))
def test_plain_sentences_come_back_byte_for_byte(sentences, language):
    text = " ".join(sentence + mark for sentence, mark in sentences)

    assert spoken(text, language) == text


@given(st.text(max_size=300), st.sampled_from(["en", "hi"]))
def test_any_text_can_be_said(text, language):
    assert isinstance(spoken(text, language), str)


@given(st.text("0123456789₹.,-:/ %+@*_`[]()<>kmAPsthRलाख", max_size=120), st.sampled_from(["en", "hi"]))
@settings(max_examples=300)
def test_any_mixture_of_signs_can_be_said(text, language):
    assert isinstance(spoken(text, language), str)


@given(st.integers(0, 10**15 - 1))
def test_numbers_below_a_thousand_crore_crore_have_words_without_digits(number):
    for words in (english(number), hindi(number), english_place(number), hindi_place(number)):
        assert words
        assert not any(char.isdigit() for char in words)


def test_every_number_below_a_hundred_has_its_own_name():
    assert len({hindi(number) for number in range(100)}) == 100
    assert len({english(number) for number in range(100)}) == 100


@pytest.mark.parametrize(
    "text", ["1 " * 2000, "₹" * 3000, "a." * 2000, "<a " * 1500, "[" * 3000, "*_" * 1500, "-" * 3000]
)
def test_no_text_takes_long(text):
    began = time.process_time()
    spoken(text, "en")

    assert time.process_time() - began < 2.0
