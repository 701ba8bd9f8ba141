from tests.chaos.chaos import main

main()
