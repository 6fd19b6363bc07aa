import Coordinator
import Hummingbird
import Mustache
