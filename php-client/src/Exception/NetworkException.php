<?php

declare(strict_types=1);

namespace Hawser\Exception;

use Psr\Http\Client\NetworkExceptionInterface;

/**
 * The exchange did not complete: the origin or the broker closed, reset or broke its protocol.
 */
class NetworkException extends ExchangeException implements NetworkExceptionInterface {}
