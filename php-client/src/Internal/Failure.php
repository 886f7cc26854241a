<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Hawser\Exception\BrokerUnavailableException;
use Hawser\Exception\ErrorCode;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\NetworkException;
use Hawser\Facts;
use Hawser\Internal\Wire\FrameSink;
use Throwable;

/**
 * Makes the exceptions, so that all of them say what was tried in the same words.
 *
 * @internal
 *
 * @phpstan-import-type FactList from FrameSink
 */
final class Failure
{
    /** From an ERROR frame. A number that this version does not know is a NetworkException with the broker's words. */
    public static function fromWire(Request $request, int $code, string $name, string $message, bool $isUnprocessed, string $source, ?Facts $facts): ExchangeException
    {
        $class = ErrorCode::tryFrom($code)?->exceptionClass() ?? NetworkException::class;

        return new $class(self::message($request, $message, $name), $name, $code, $isUnprocessed ? 'no' : 'maybe', $source, $facts);
    }

    public static function of(ErrorCode $code, Request $request, string $message, bool $isUnprocessed = true, string $source = 'client', ?Facts $facts = null, ?Throwable $previous = null): ExchangeException
    {
        $class = $code->exceptionClass();

        return new $class(self::message($request, $message, $code->wireName()), $code->wireName(), $code->value, $isUnprocessed ? 'no' : 'maybe', $source, $facts, $previous);
    }

    public static function brokerUnavailable(Request $request, string $reason, bool $isUnprocessed): BrokerUnavailableException
    {
        $message = 'the broker is not available: ' . $reason . ($isUnprocessed ? '' : '; the request may have been processed');

        return new BrokerUnavailableException(self::message($request, $message, 'broker_unavailable'), 'broker_unavailable', 0, $isUnprocessed ? 'no' : 'maybe', 'broker');
    }

    public static function brokerGone(Request $request, string $reason, bool $isUnprocessed): NetworkException
    {
        $message = $reason . ($isUnprocessed ? '; the request was not processed and cannot be repeated' : '; the request may have been processed');

        return new NetworkException(self::message($request, $message, 'broker_gone'), 'broker_gone', 0, $isUnprocessed ? 'no' : 'maybe', 'broker');
    }

    public static function cancelled(Request $request): NetworkException
    {
        return new NetworkException(self::message($request, 'the caller cancelled the exchange', 'cancelled'), 'cancelled', 0, 'maybe');
    }

    /**
     * @param FactList|null $facts
     */
    public static function facts(?array $facts, bool $isDirect): ?Facts
    {
        return $facts === null ? null : new Facts($facts[0], $facts[1], $facts[2], $facts[3], $facts[4], $facts[5], $facts[6], $facts[7], $facts[8], $isDirect);
    }

    private static function message(Request $request, string $message, string $name): string
    {
        return \sprintf('%s: %s (%s)', $request->label(), $message, $name);
    }
}
