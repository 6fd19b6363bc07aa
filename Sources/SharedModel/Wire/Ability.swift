/// What a worker can render, as its hello tells it; what is left out is not known, and held against nobody.
package struct Ability: Codable, Equatable, Sendable {
    /// Bytes of memory that rendering may take.
    package var memory: Int?
    /// What its networks are computed in: `fp32`, `bf16`.
    package var precision: String?
    /// The families of models that it knows: `Stable Diffusion XL`.
    package var families: [String]?
    /// Whether it fetches files that it lacks from the coordinator.
    package var fetches: Bool?
    /// SHA-256 fingerprints of models, LoRAs and VAEs that it has. With ``fetches`` false these are all.
    package var models: [String]?

    package init(
        memory: Int? = nil, precision: String? = nil, families: [String]? = nil, fetches: Bool? = nil,
        models: [String]? = nil
    ) {
        self.memory = memory
        self.precision = precision
        self.families = families
        self.fetches = fetches
        self.models = models
    }
}

extension Hello {
    /// The hello without what a frame has no room for before the worker is let in: what it can render is then not known,
    /// at first of its models alone.
    package func fitting() -> Hello {
        var hello = self
        for shorten: (inout Hello) -> Void in [{ $0.able?.models = nil }, { $0.able = nil }] {
            guard let bytes = try? hello.json(), bytes.count >= WireLimits.unauthenticatedFrameBytes else {
                return hello
            }
            shorten(&hello)
        }
        return hello
    }
}
