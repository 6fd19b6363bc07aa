import SharedModel

/// What a connection may say when, and what must be done about it.
///
/// A state machine without I/O: messages in, one step out. An upload is a run of chunks between its offer's answer and its
/// acknowledgement; beats and claims may come in between, a second offer may not.
struct WorkerSession: Sendable {
    /// What the connection's task has to do.
    enum Step: Equatable, Sendable {
        case admit(Hello)
        case report(Inquire)
        case claim
        case beat(Beat)
        case judge(Offer)
        /// Write a piece of the upload; after the last, verify, keep and commit it.
        case store([UInt8], isLast: Bool)
        /// Answer the upload that could not be stored, now that all of it has passed.
        case acknowledge(Ack)
        case fail(Fail)
        case release(Release)
        /// Tell what a model consists of.
        case list(Want)
        /// Send a piece of a model's file.
        case read(Fetch)
        case show(Preview)
        case leave
        /// Close the connection: the worker does not keep to the protocol.
        case reject(String)
        /// Nothing; a piece of an upload that is thrown away.
        case ignore
    }

    private enum Upload: Equatable {
        case none
        case receiving(bytes: Int)
        case discarding(bytes: Int, then: Ack)
    }

    private enum State: Equatable {
        case greeting
        case admitted(Upload)
        case over
    }

    private var state = State.greeting

    init() {}

    /// Whether an offer waits for its bytes or its answer.
    var isUploading: Bool {
        switch state {
        case .admitted(.receiving), .admitted(.discarding): true
        case .greeting, .admitted(.none), .over: false
        }
    }

    /// A message came.
    mutating func received(_ message: WorkerMessage) -> Step {
        switch (state, message) {
        case (.over, _):
            return .ignore
        case (.greeting, .hello(let hello)):
            return .admit(hello)
        case (.greeting, .inquire(let inquire)):
            state = .over
            return .report(inquire)
        case (.greeting, _):
            return reject("the first frame must be a hello")
        case (.admitted, .hello), (.admitted, .inquire):
            return reject("a second hello came")
        case (.admitted, .claim):
            return .claim
        case (.admitted, .beat(let beat)):
            return .beat(beat)
        case (.admitted(.none), .offer(let offer)):
            return .judge(offer)
        case (.admitted, .offer):
            return reject("an offer came before the upload of the last one was whole")
        case (.admitted(let upload), .chunk(let bytes)):
            return receivedChunk(bytes, during: upload)
        case (.admitted, .fail(let fail)):
            return .fail(fail)
        case (.admitted, .release(let release)):
            return .release(release)
        case (.admitted, .want(let want)):
            return .list(want)
        case (.admitted, .fetch(let fetch)):
            return .read(fetch)
        case (.admitted, .preview(let preview)):
            return .show(preview)
        case (.admitted, .bye):
            state = .over
            return .leave
        }
    }

    /// The hello was accepted.
    mutating func admitted() {
        state = .admitted(.none)
    }

    /// The offer's bytes have been asked for.
    mutating func expectUpload(of bytes: Int) {
        state = .admitted(.receiving(bytes: bytes))
    }

    /// The upload can't be stored.
    ///
    /// What is still on its way is swallowed, so that the acknowledgement comes where the worker waits for it.
    ///
    /// - Returns: The acknowledgement, when it is due at once.
    mutating func abandonUpload(with ack: Ack) -> Ack? {
        guard case .admitted(.receiving(let bytes)) = state, bytes > 0 else {
            if state != .over { state = .admitted(.none) }
            return ack
        }
        state = .admitted(.discarding(bytes: bytes, then: ack))
        return nil
    }

    /// The upload has been acknowledged.
    mutating func finishUpload() {
        if state != .over { state = .admitted(.none) }
    }

    private mutating func receivedChunk(_ bytes: [UInt8], during upload: Upload) -> Step {
        switch upload {
        case .none:
            return reject("a chunk came that nobody asked for")
        case .receiving(let left):
            guard bytes.count <= left else { return reject("the image is longer than was offered") }
            state = .admitted(.receiving(bytes: left - bytes.count))
            return .store(bytes, isLast: bytes.count == left)
        case .discarding(let left, let ack):
            guard bytes.count <= left else { return reject("the image is longer than was offered") }
            guard bytes.count == left else {
                state = .admitted(.discarding(bytes: left - bytes.count, then: ack))
                return .ignore
            }
            state = .admitted(.none)
            return .acknowledge(ack)
        }
    }

    private mutating func reject(_ reason: String) -> Step {
        state = .over
        return .reject(reason)
    }
}
