from tests.fakes import *
from tests.ui.visitor import Visitor

def enrol(service, name, *photos):
    for i, p in enumerate(photos):
        service.enrol(name, service.prepare_enrolment(p, f"{name} {i}.png"))

def test_a(service):
    enrol(service, "Ann", photo(RED), photo(RED, mark=1))
    v = Visitor()
    v.run()
    print(v)
    v.select("Who do they say they are?", "Ann")
    v.upload("Drop a photo here", ("a.png", photo(DARK_RED)))
    print(v.main)
    enrol(service, "Bob", photo(GREEN))
    v.run()
    v.run()
    enrol(service, "Ann", photo(RED, mark=5))
    v.run()
    v.run()
    print(v.main)
    assert 0
