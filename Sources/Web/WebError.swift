/// What keeps the pages from being served or a picture from being made.
package enum WebError: Error, Equatable, Sendable {
    /// The address can't be listened on.
    case cannotListen(address: String, problem: String)
    /// An image can't be shown.
    case unreadableImage(String)
    /// A template of the program itself is damaged.
    case template(name: String, problem: String)
    /// A request asks for something that it can't have; the sentence is for the person.
    case request(String)
    /// There is nothing at the address.
    case notFound(String)
    /// A file could not be written.
    case file(path: String, problem: String)
    /// There is nothing to show.
    case nothingToShow(String)
}

extension WebError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotListen(let address, let problem):
            "The pages can't be served at \(address) (\(problem)); choose another address with --web HOST:PORT."
        case .unreadableImage(let problem):
            "The image can't be shown: \(problem)."
        case .template(let name, let problem):
            "The page \(name) can't be made (\(problem)); install tmdne anew."
        case .request(let sentence), .notFound(let sentence), .nothingToShow(let sentence):
            sentence
        case .file(let path, let problem):
            "Writing \(path) failed: \(problem); check the path, who may use it, and the disk."
        }
    }
}
