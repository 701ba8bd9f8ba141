from tests.fuzz.fuzz import main

main()
