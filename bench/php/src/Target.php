<?php

declare(strict_types=1);

namespace HawserBench;

/** Where a process sends its requests, and whom it trusts. */
final readonly class Target
{
    /** Connecting takes long on a machine that the bench itself keeps busy. */
    public const CONNECT_TIMEOUT_MS = 5_000;

    public const TIMEOUT_MS = 60_000;

    /**
     * @param string      $origin `https://localhost:PORT`
     * @param string      $caFile PEM file
     * @param string|null $socket Unix socket of the broker or proxy; null where there is none
     */
    public function __construct(
        public string $transport,
        public string $origin,
        public string $caFile,
        public ?string $socket,
    ) {}

    /** @param array{transport: string, origin: string, ca: string, socket: string|null} $values */
    public static function of(array $values): self
    {
        return new self($values['transport'], $values['origin'], $values['ca'], $values['socket']);
    }

    /** The transport, made as a PHP request makes it. */
    public function open(): Transport
    {
        return match ($this->transport) {
            'curl-new' => new CurlTransport(new NewHandles($this)),
            'curl-share' => new CurlTransport(new SharedConnections($this)),
            'curl-kept' => KeptHandles::transport($this),
            'guzzle' => GuzzleTransport::overCurl($this),
            'symfony' => SymfonyTransport::overCurl($this),
            'hawser' => new HawserTransport($this),
            'hawser-psr18' => new Psr18Transport($this),
            'hawser-guzzle' => GuzzleTransport::overHawser($this),
            'hawser-symfony' => SymfonyTransport::overHawser($this),
            default => throw new \InvalidArgumentException("transport is '{$this->transport}', which the bench does not know"),
        };
    }
}
