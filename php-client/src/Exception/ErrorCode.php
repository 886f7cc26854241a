<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * The errors that travel on the wire; docs/protocol/error-codes.md says what each means and what to do about it.
 * Numbers and names are never reused. A newer broker may send numbers that are not here.
 */
enum ErrorCode: int
{
    case ProtocolError = 1;
    case FrameTooLarge = 2;
    case UnsupportedVersion = 3;
    case HelloExpected = 4;
    case WindowViolation = 5;
    case TooManyExchanges = 6;
    case TooManyConnections = 7;
    case BrokerDraining = 8;
    case BrokerInternal = 9;

    case RequestInvalid = 20;
    case RequestTooLarge = 21;
    case RequestUnsupported = 22;

    case OriginForbidden = 30;
    case QueueFull = 31;
    case QueueTimeout = 32;
    case BreakerOpen = 33;

    case DnsFailed = 40;
    case ConnectRefused = 41;
    case ConnectTimeout = 42;
    case ConnectFailed = 43;
    case TlsUntrusted = 44;
    case TlsExpired = 45;
    case TlsNameMismatch = 46;
    case TlsFailed = 47;
    case AlpnMismatch = 48;

    case DeadlineExceeded = 60;
    case FirstByteTimeout = 61;
    case IdleTimeout = 62;
    case OriginClosed = 63;
    case OriginReset = 64;
    case OriginProtocolError = 65;
    case ResponseTooLarge = 66;
    case OriginUnprocessed = 67;

    /**
     * The name on the wire: lower case with underscores, such as `connect_refused`.
     */
    public function wireName(): string
    {
        return strtolower((string) preg_replace('/(?<=.)[A-Z]/', '_$0', $this->name));
    }

    /**
     * The class of the exception that this error becomes.
     *
     * @return class-string<ExchangeException>
     */
    public function exceptionClass(): string
    {
        return match ($this) {
            self::RequestInvalid, self::RequestTooLarge, self::RequestUnsupported => RequestException::class,
            self::OriginForbidden => ForbiddenOriginException::class,
            self::QueueFull, self::QueueTimeout => QueueFullException::class,
            self::BreakerOpen => BreakerOpenException::class,
            self::DnsFailed => DnsException::class,
            self::ConnectRefused, self::ConnectTimeout, self::ConnectFailed, self::AlpnMismatch => ConnectException::class,
            self::TlsUntrusted, self::TlsExpired, self::TlsNameMismatch, self::TlsFailed => TlsException::class,
            self::DeadlineExceeded, self::FirstByteTimeout, self::IdleTimeout => TimeoutException::class,
            self::TooManyConnections, self::BrokerDraining => BrokerUnavailableException::class,
            default => NetworkException::class,
        };
    }
}
