<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;
use InflateContext;
use Symfony\Component\HttpClient\Exception\TransportException;
use Symfony\Component\HttpClient\Response\StreamWrapper;
use Throwable;

/**
 * The body of a response on its way to the caller: decoded where the client asked for gzip by itself, and kept where the
 * option `buffer` says so.
 *
 * @internal
 */
final class Content
{
    /** Octets given to the caller so far. */
    public int $offset = 0;

    private ?InflateContext $inflate = null;

    /** @var bool|Closure|resource|null what the option says; null: the head has come, it is decided */
    private mixed $should;

    /** @var resource|null */
    private mixed $buffer = null;

    /** @var callable|resource|null for StreamWrapper, and always null: no stream of PHP's stands for one response */
    private mixed $handle = null;

    public function __construct(private readonly Settings $settings)
    {
        $this->should = $settings->buffer;
    }

    /**
     * The head is here. Runs the option's function, and throws what that throws.
     *
     * @param array<string, list<string>> $headers
     */
    public function open(array $headers): void
    {
        $this->inflate = $this->settings->isDecoded && ($headers['content-encoding'][0] ?? '') === 'gzip' ? (inflate_init(\ZLIB_ENCODING_GZIP) ?: null) : null;
        [$should, $this->should] = [$this->should, null];
        if ($should instanceof Closure) {
            $should = $should($headers);
        }
        if ($should === true) {
            $this->buffer = fopen('php://temp', 'w+') ?: null;
        } elseif (\is_resource($should)) {
            $this->buffer = $should;
        }
    }

    /**
     * Decodes and keeps what came, and returns it decoded.
     *
     * @throws TransportException
     */
    public function take(string $octets, string $url): string
    {
        if ($this->inflate !== null) {
            $octets = @inflate_add($this->inflate, $octets);
            if ($octets === false) {
                throw new TransportException("The content of \"{$url}\" is no valid gzip.");
            }
        }
        if ($octets !== '' && $this->buffer !== null) {
            try {
                $written = fwrite($this->buffer, $octets);
            } catch (Throwable) {
                $written = false; // whoever gave the stream has closed it
            }
            if ($written !== \strlen($octets)) {
                throw new TransportException(\sprintf('%d bytes could not be written to the response buffer.', \strlen($octets)));
            }
        }
        $this->offset += \strlen($octets);

        return $octets;
    }

    /** The body is whole. Nothing at all can be read as often as one likes. */
    public function end(): void
    {
        if ($this->offset === 0 && $this->buffer === null) {
            $this->buffer = fopen('php://memory', 'w+') ?: null;
        }
    }

    /** Whoever holds an exception about this response may still want its content. */
    public function keepAll(): void
    {
        if ($this->should !== null) {
            $this->should = true;
        }
    }

    /**
     * @return resource|null
     */
    public function buffer(): mixed
    {
        return $this->buffer;
    }

    public function bind(StreamWrapper $wrapper): void
    {
        $wrapper->bindHandles($this->handle, $this->buffer);
    }
}
