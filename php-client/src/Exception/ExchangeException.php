<?php

declare(strict_types=1);

namespace Hawser\Exception;

use Hawser\Facts;
use LogicException;
use Psr\Http\Message\RequestInterface;
use RuntimeException;
use Throwable;

/**
 * What all exceptions about one exchange share. Its message says what was tried: method, URL without the query (which
 * may hold secrets), and what stood in the way. `getCode()` is `errorNumber()`.
 */
abstract class ExchangeException extends RuntimeException implements HawserException
{
    private ?RequestInterface $request = null;

    /**
     * @param 'no'|'maybe' $processed
     *
     * @internal made by the client only
     */
    final public function __construct(
        string $message,
        private readonly string $errorName,
        private readonly int $errorNumber = 0,
        private readonly string $processed = 'no',
        private readonly string $source = 'client',
        private readonly ?Facts $facts = null,
        ?Throwable $previous = null,
    ) {
        parent::__construct($message, $errorNumber, $previous);
    }

    public function errorName(): string
    {
        return $this->errorName;
    }

    public function errorNumber(): int
    {
        return $this->errorNumber;
    }

    public function processed(): string
    {
        return $this->processed;
    }

    public function source(): string
    {
        return $this->source;
    }

    public function facts(): ?Facts
    {
        return $this->facts;
    }

    /**
     * The PSR-7 request that `Psr18Client` was given. `Client` has none: there it throws a LogicException.
     */
    public function getRequest(): RequestInterface
    {
        return $this->request ?? throw new LogicException('There is no PSR-7 request: this exchange was started by Hawser\Client, not by Psr18Client.');
    }

    /**
     * @internal
     */
    public function attachRequest(RequestInterface $request): void
    {
        $this->request = $request;
    }
}
